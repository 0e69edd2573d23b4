"""The benchmarks: the product beside what users would run instead, in one run, counted delivery by delivery."""
