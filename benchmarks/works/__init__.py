"""What is measured: each work starts a peer, has it do something, and returns figures."""
