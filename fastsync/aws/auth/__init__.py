"""As whom requests are made: profiles, roles, MFA codes, and signatures.

`sources` and `endpoints` import botocore, in the parent; workers get finished credentials and sign with `signing`.
Secrets must not appear in any repr, message, log or file.
"""
