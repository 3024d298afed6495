"""What `make run` does: the whole product on this machine, from nothing to an address, and to nothing again."""
