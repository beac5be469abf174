"""The parts of the local web API (local_stack.rest_api), each of one subject."""
