"""The only door to AWS: signed requests, retries, budgets, and what DynamoDB answers.

`clients.Clients` gives one client per table; `lookups.batch_get` answers every key of a look-up. Requests are
signed here (`auth`), kept within limits (`budget`), and tried again (`retries`); answers are checked before anyone
sees them. It must not know what items mean: no comparing, no policy, no repair.
"""
