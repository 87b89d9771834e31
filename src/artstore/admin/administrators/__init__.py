"""People who run the system: who they are, how they log in, what sessions they have.

An *administrator* has a role, a password and perhaps a *second factor* (TOTP). A login begins a *session*: a
short access token, which every service verifies alone like those of service accounts, and a *refresh token*,
good once, which gives the next pair. A refresh token that comes a second time was stolen, from whoever holds
it now or before: its session ends. An *attempt* is counted before the password is looked at, by PostgreSQL,
so that no number of processes grants more of them than are allowed. A *reset code* is good once, and lets
a person set a password that nobody else knows.

Pure: ``lockout``, ``totp``, ``password_rules``, ``one_time``. Queries: the modules named ``…repository``.
Use cases: ``login``, ``sessions``, ``own`` (a person's own login), ``administration`` (of others), ``first``.
What is secret is stored hashed, but for the secret of a second factor, which must be read: that is encrypted
(``sealing``).
"""
