"""What tests stand on: a running system with control over its processes, and an account that uses it."""
