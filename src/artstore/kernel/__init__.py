"""What every service needs and none owns: the ground on which Admin, Storage, Ingester and Query stand.

``settings`` reads the environment; ``app`` makes the web application (with ``middleware``, ``problems``,
``health``, ``openapi``, ``hot``); ``access`` says who calls and what the caller may do; ``tracing``,
``logging``, ``metrics`` and ``refusals`` tell what happened; ``serve`` runs the application as a process;
``background`` keeps long-running tasks alive; ``database``, ``redis``, ``peers``, ``streaming`` and
``multipart`` meet the outside.

Words: a *problem* is a refusal as the client sees it (RFC 9457); a *principal* is the account behind
a verified access token; a *dependency* is a part of the system whose state ``/health/ready`` tells.

The kernel takes values, never a service's settings, and knows no service. Import its modules, not this
package: it stays empty so that a process loads only what it uses.
"""

__all__: list[str] = []
