"""A DynamoDB for benchmarks."""
