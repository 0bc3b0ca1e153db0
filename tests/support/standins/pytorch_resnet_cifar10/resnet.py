"""Stand-in for the models: their names."""

MODELS = [f"resnet{depth}" for depth in (20, 32, 44, 56, 110, 1202)]
