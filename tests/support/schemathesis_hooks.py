"""Read by the process of Schemathesis: how it sends bodies of types that it does not know."""

import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
