"""What pytest is not to look into for examples."""

collect_ignore = ["programs"]  # test_programs.py runs them
