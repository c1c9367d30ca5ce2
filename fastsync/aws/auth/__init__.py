"""As whom requests are made: profiles, roles, MFA codes, and signatures.

`sources` is the only module that imports botocore, in the parent; workers get finished credentials and sign with
`signing`. Secrets must not appear in any repr, message, log or file.
"""
