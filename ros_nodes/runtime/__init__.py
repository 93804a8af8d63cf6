"""What every node shares, one idea a file. No node keeps a queue, a thread or a table of parameters of its own."""
