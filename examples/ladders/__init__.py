"""The ladders of the tour and of the examples: what each layer did to one request of each."""
