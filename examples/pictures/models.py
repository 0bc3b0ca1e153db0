"""The two networks, for pictures of 32 x 32, in plain PyTorch.

Each maps pictures (n, channels, 32, 32) to scores (n, classes). Initial weights and dropout draw
from PyTorch's own generator, so torch.manual_seed decides them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASS_COUNT = 10


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut without weights ("option A" of the paper).

    Where the block halves the picture and widens, the shortcut takes every second pixel and fills
    the new channels with zeros.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.stride = 1 if inputs == width else 2
        self.added = width - inputs
        self.conv1 = nn.Conv2d(inputs, width, 3, self.stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, images: Tensor) -> Tensor:
        result = F.relu(self.norm1(self.conv1(images)))
        result = self.norm2(self.conv2(result))
        shortcut = images[:, :, :: self.stride, :: self.stride]
        if self.added:
            shortcut = F.pad(shortcut, (0, 0, 0, 0, 0, self.added))
        return F.relu(result + shortcut)


def resnet20(channels: int, dropout: float) -> nn.Module:
    """ResNet-20: K. He, X. Zhang, S. Ren, J. Sun, CVPR 2016, section 4.2 (6n + 2 layers, n = 3).

    The paper has no dropout; here it stands before the last layer, and 0 leaves it out.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(channels, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
    ]
    inputs = 16
    for width in (16, 32, 64):
        for _ in range(3):
            layers.append(ResidualBlock(inputs, width))
            inputs = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), *_dropout(dropout)]
    return _initialised(nn.Sequential(*layers, nn.Linear(inputs, CLASS_COUNT)))


class DenseLayer(nn.Module):
    """A 1x1 and a 3x3 convolution whose `growth` new channels are put behind those it was given."""

    def __init__(self, inputs: int, growth: int, dropout: float) -> None:
        super().__init__()
        self.added = nn.Sequential(
            *_norm_relu_conv(inputs, 4 * growth, 1),
            *_dropout(dropout),
            *_norm_relu_conv(4 * growth, growth, 3),
            *_dropout(dropout),
        )

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images, self.added(images)], 1)


def densenet121(channels: int, dropout: float) -> nn.Module:
    """DenseNet-121: G. Huang, Z. Liu, L. van der Maaten, K. Weinberger, CVPR 2017, table 1.

    Growth rate 32, bottlenecks, compression 0.5. For 32 x 32 pictures the first layer is a 3x3
    convolution without stride or pooling, as in the paper's own networks for CIFAR. Dropout
    follows every convolution but the first; 0 leaves it out.
    """
    growth, width = 32, 64
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=False)]
    for block, depth in enumerate((6, 12, 24, 16)):
        if block > 0:
            layers += [*_norm_relu_conv(width, width // 2, 1), *_dropout(dropout), nn.AvgPool2d(2)]
            width //= 2
        for _ in range(depth):
            layers.append(DenseLayer(width, growth, dropout))
            width += growth
    layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return _initialised(nn.Sequential(*layers, nn.Linear(width, CLASS_COUNT)))


MODELS = {"resnet20": resnet20, "densenet121": densenet121}


def _norm_relu_conv(inputs: int, outputs: int, side: int) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, side, padding=side // 2, bias=False)
    return [nn.BatchNorm2d(inputs), nn.ReLU(), conv]


def _dropout(share: float) -> list[nn.Module]:
    return [nn.Dropout(share)] if share else []


def _initialised(network: nn.Module) -> nn.Module:
    """Draw the weights of the convolutions (K. He et al., ICCV 2015); the rest is PyTorch's own."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return network
