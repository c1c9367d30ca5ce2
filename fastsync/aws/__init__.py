"""The only door to AWS: credentials, signed requests, and what DynamoDB answers."""
