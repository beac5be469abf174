"""What is generated becomes stacks of an account: looked at before, compared, deployed."""
