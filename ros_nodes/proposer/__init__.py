"""What `region_proposer` is made of beside the library: its parameters, and names that last."""
