#!/usr/bin/python3
"""The same work in PyTorch, on the same machine: what a user would run instead of advfair.

Usage: peer_torch.py [-s SECONDS] [-t THREADS] [-l LAYOUT] NAME...
Names: cnn-train cnn-pgd cnn-predict, resnet-train ..., mlp104-train ... and mlp14-..., luf. Each is measured for SECONDS (default
3) with one and with two threads, networks of images in both layouts; -t and -l choose one.

Prints one line per measurement, "name layout threads=N value": samples per second of the training loop alone, without
reading or shuffling; for pgd, gradient steps of one sample; for luf, the same training of the Adult network without
one row, in epochs times rows per second. For each name the peer's figure is its best line.

Networks: CNN conv 32x3, maxpool 2, relu, conv 64x3, maxpool 2, relu, dense 256, relu, dense 128, relu, 10 classes; MLP four
dense 64, tanh, on 104 or 14 inputs, 2 classes. Batches of 250, Adam. The residual network is that of
examples/cifar10_resnet.sql, in batches of 128, with SGD, images flipped and shifted as there. On processors that the installed OpenBLAS does not
know, OPENBLAS_CORETYPE=SkylakeX (or Haswell) must be set, or the peer is unfairly slow; and OpenBLAS has threads of its own,
which get into the way of PyTorch's unless OPENBLAS_NUM_THREADS=1: run.py tries both.
"""
import argparse
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

BATCH, RESNET_BATCH, STEPS = 250, 128, 20


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(4096, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def mlp(inputs):
    widths = [inputs, 64, 64, 64, 64]
    layers = []
    for before, after in zip(widths, widths[1:]):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(64, 2))


class Residual(nn.Module):
    """Layers whose input, through a convolution of size 1, is added to their output."""

    def __init__(self, before, after):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1), nn.BatchNorm2d(after))
        self.project = nn.Conv2d(before, after, 1)

    def forward(self, x):
        return self.layers(x) + self.project(x)


def resnet():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        Residual(32, 64), nn.ReLU(), nn.MaxPool2d(2),
        Residual(64, 128), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def train_step(net, x, y, optimizer, batch, augment):
    chosen = torch.randint(0, len(x), (batch,))
    optimizer.zero_grad()
    F.cross_entropy(net(augment(x[chosen])), y[chosen]).backward()
    optimizer.step()


def flip_and_shift(x):
    """Half of the images flipped, each shifted by up to 4 places: the minibatch by index, not image by image in Python."""
    n, _, h, w = x.shape
    column = torch.arange(w) + torch.randint(0, 9, (n, 1))
    column = torch.where(torch.rand(n, 1) < 0.5, column.flip(1), column)
    row = torch.arange(h) + torch.randint(0, 9, (n, 1))
    wide = F.pad(x, (4, 4, 4, 4)).permute(0, 2, 3, 1)
    return wide[torch.arange(n).view(n, 1, 1), row.view(n, h, 1), column.view(n, 1, w)].permute(0, 3, 1, 2)


def pgd(net, x0, y, eps=0.03, alpha=0.007):
    x = (x0 + torch.empty_like(x0).uniform_(-eps, eps)).clamp(0, 1)
    for _ in range(STEPS):
        x.requires_grad_(True)
        gradient, = torch.autograd.grad(F.cross_entropy(net(x), y), x)
        with torch.no_grad():
            x = (x0 + (x + alpha * gradient.sign() - x0).clamp(-eps, eps)).clamp(0, 1)


def predict(net, x):
    with torch.no_grad():
        for i in range(0, len(x), 500):
            net(x[i:i + 500])


def rate(seconds, work, step):
    for _ in range(3):
        step()
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        done += work
    return done / (time.perf_counter() - start)


def measure(kind, what, net, x, y, seconds):
    if what == 'train' and kind == 'resnet':
        optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
        return rate(seconds, RESNET_BATCH, lambda: train_step(net, x, y, optimizer, RESNET_BATCH, flip_and_shift))
    if what == 'train':
        optimizer = torch.optim.Adam(net.parameters())
        return rate(seconds, BATCH, lambda: train_step(net, x, y, optimizer, BATCH, lambda x: x))
    net.eval()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    if what == 'pgd':
        return rate(seconds, BATCH * STEPS, lambda: pgd(net, x[:BATCH], y[:BATCH]))
    return rate(seconds, len(x), lambda: predict(net, x))


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('-s', type=float, default=3)
    parser.add_argument('-t', type=int, choices=(1, 2))
    parser.add_argument('-l', choices=('nchw', 'channels_last'))
    parser.add_argument('names', nargs='+')
    args = parser.parse_args()
    torch.manual_seed(0)
    for name in args.names:
        kind, _, what = name.partition('-')
        if kind == 'luf':                       # leaving a row out is one more training
            kind, what = 'mlp104', 'train'
        image = {'cnn': cnn, 'resnet': resnet}.get(kind)
        layouts = ('nchw', 'channels_last') if image else ('-',)
        for threads in (1, 2) if args.t is None else (args.t,):
            torch.set_num_threads(threads)
            for layout in layouts:
                if args.l and layout not in (args.l, '-'):
                    continue
                if image:
                    net, x, y = image(), torch.rand(2000, 3, 32, 32), torch.randint(0, 10, (2000,))
                else:
                    inputs = int(kind[3:])
                    net, x, y = mlp(inputs), torch.rand(30000, inputs), torch.randint(0, 2, (30000,))
                if layout == 'channels_last':
                    net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
                print(f'{name} {layout} threads={threads} {measure(kind, what, net, x, y, args.s):.0f}', flush=True)


main()
