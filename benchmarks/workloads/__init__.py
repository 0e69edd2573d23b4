"""What is measured: each workload starts a peer, has it do something, and returns figures."""
