"""`make run`: starts the whole product on this machine, and stops all of it again."""
