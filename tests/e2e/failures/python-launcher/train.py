raise ValueError("the learning rate is negative")
