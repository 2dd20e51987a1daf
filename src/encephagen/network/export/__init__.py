"""Ways out: a network written for another program, with every synapse, weight and delay."""
