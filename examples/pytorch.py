#!/usr/bin/env python3
"""Moves advfair models to PyTorch and back, and checks that both sides compute the same.

    tools/with-server.sh -- /usr/bin/python3 examples/pytorch.py      in a throw-away server
    python3 examples/pytorch.py                                       in a database of your own (psql finds it)

Needs torch and psql. In a database of your own it makes the extension if it is not there, and temporary tables only.
"""
import json
import re
import subprocess

import torch
from torch import nn


class Scale(nn.Module):
    """The fixed scaling layer of encoding => 'ordinal': y = (x - shift) * factor for each channel."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("shift", torch.zeros(channels))
        self.register_buffer("factor", torch.ones(channels))

    def forward(self, x):
        form = (-1,) + (1,) * (x.dim() - 2)
        return (x - self.shift.view(form)) * self.factor.view(form)


# Layers without parameters.
PLAIN = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "dropout": nn.Dropout,
    "maxpool": nn.MaxPool2d,
    "avgpool": nn.AvgPool2d,
    "globalpool": lambda: nn.AdaptiveAvgPool2d(1),
}


class Residual(nn.Module):
    """residual(layers): their output and their input, which a convolution of size 1 brings to the same shape where it must."""

    def __init__(self, layers, x):
        super().__init__()
        self.layers = nn.Sequential(*layers).eval()
        before, after = x.shape, self.layers(x).shape
        stride = -(-before[2] // after[2]) if len(after) == 4 else 1
        self.project = nn.Identity() if before == after else nn.Conv2d(before[1], after[1], 1, stride)

    def forward(self, x):
        return self.layers(x) + self.project(x)


def words(arch):
    """The layers of an arch string; commas within a residual block part nothing yet."""
    depth, start = 0, 0
    for i, letter in enumerate(arch + ","):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            if arch[start:i].strip():
                yield arch[start:i].strip()
            start = i + 1


def stack(arch, x):
    """Torch layers of an arch string for inputs of the shape of x."""
    layers = []
    for word in words(arch):
        kind = re.match(r"\w+", word)[0]
        numbers = [float(n) if "." in n else int(n) for n in re.findall(r"[\d.]+", word)]
        if kind == "conv":
            filters, size, stride = (*numbers, 1)[:3]
            new = [nn.Conv2d(x.shape[1], filters, size, stride, size // 2)]
        elif kind == "dense":
            new = [nn.Flatten(), nn.Linear(x[0].numel(), *numbers)]
        elif kind == "batchnorm":
            new = [(nn.BatchNorm2d if x.dim() > 2 else nn.BatchNorm1d)(x.shape[1])]
        elif kind == "residual":
            new = [Residual(stack(word[word.index("(") + 1:-1], x), x)]
        elif kind in PLAIN:
            new = [PLAIN[kind](*numbers)]
        else:
            raise SystemExit(f"there is no torch layer for {word!r}")
        layers += new
        with torch.no_grad():
            x = nn.Sequential(*new).eval()(x)
    return layers


def network(description):
    """The torch network of an advfair_describe result; it gives logits. To train it, call train(), which turns dropout on."""
    shape = description["input_shape"]
    scale = [Scale(shape[0])] if description["scale"] else []
    arch = f"{description['arch']}, dense {len(description['classes'])}"
    return nn.Sequential(*scale, *stack(arch, torch.zeros(1, *shape))).eval()


def parameters(net):
    """All that advfair keeps of a torch network, in its order: not the count of minibatches that torch's BatchNorm has besides."""
    return [tensor for name, tensor in net.state_dict().items() if not name.endswith("num_batches_tracked")]


def load(net, rows):
    """Copies advfair_weights rows into a torch network: both have the same parameters in the same order."""
    for tensor, row in zip(parameters(net), rows, strict=True):
        tensor.copy_(torch.tensor(row["weights"]).reshape(row["shape"]))


def dump(net):
    """All parameters of a torch network as advfair_build wants them."""
    return torch.cat([tensor.reshape(-1) for tensor in parameters(net)]).tolist()


def encode(columns, encoding, rows):
    """Inputs of tabular rows, from the columns of a description's encoder."""
    inputs = []
    for row in rows:
        x = []
        for c in columns:
            if c["kind"] == "number":
                x.append((row[c["name"]] - c["shift"][0]) * c["factor"][0])
            elif encoding == "ordinal":
                x.append(float(c["values"].index(row[c["name"]])))
            else:
                x.extend(float(v == row[c["name"]]) for v in c["values"])
        inputs.append(x)
    return torch.tensor(inputs)


PREPARE = """
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS advfair;
CREATE TEMP TABLE people AS SELECT * FROM advfair_make_census(2000);
CREATE TEMP TABLE pictures AS
SELECT i AS image_id, (i % 3)::text AS label, decode(string_agg(lpad(to_hex(
       CASE i % 3 WHEN 0 THEN p / 9 % 2 WHEN 1 THEN p % 2 ELSE 0 END * 128 + (hashint4(200 * i + p) & 127)), 2, '0'), ''
       ORDER BY p), 'hex') AS image
FROM generate_series(1, 300) AS i, generate_series(0, 161) AS p GROUP BY i;
"""

# Trains, and gives one JSON object: what the model is, its weights, rows, and their probabilities in row order.
EXPORT = """
CREATE TEMP TABLE {name} AS SELECT advfair_fit('{task}') AS model;
SELECT json_build_object('description', advfair_describe(model),
       'weights', (SELECT json_agg(w ORDER BY n) FROM advfair_weights(model)
                   WITH ORDINALITY AS w (layer, parameter, shape, weights, n)),
       'rows', (SELECT json_agg(r ORDER BY {id}) FROM {data} AS r),
       'proba', (SELECT json_agg(advfair_proba(model, r) ORDER BY {id}) FROM {data} AS r))
FROM {name};
"""

REBUILD = """
SELECT count(*) FILTER (WHERE advfair_proba(model, r) <> advfair_proba(built, r)), count(*)
FROM {data} AS r, {name}, (SELECT advfair_build('{description}', '{weights}') AS built) AS b;
"""


class Session:
    """One psql session, one answer for each query."""

    def __init__(self):
        self.psql = subprocess.Popen(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, sql):
        print(sql, "\\echo done", sep="\n", file=self.psql.stdin, flush=True)
        lines = []
        while (line := self.psql.stdout.readline()) != "done\n":
            if not line:
                raise SystemExit("psql failed")
            lines.append(line)
        return "".join(lines)


def main():
    session = Session()
    session.ask(PREPARE)
    tabular = {"data": "people", "label": "income", "id": "person_id", "epochs": 3}
    image = {"data": "pictures", "label": "label", "id": "image_id", "input_shape": [2, 9, 9], "epochs": 5, "batch_size": 50}
    tasks = {
        "mlp": tabular | {"arch": "dense 16, relu, dense 8, tanh"},
        "mlp_ordinal": tabular | {"encoding": "ordinal"},
        "mlp_smooth": tabular | {"arch": "dense 16, gelu, dropout 0.25, dense 8, sigmoid, dense 6, leaky_relu 0.1"},
        "cnn": image | {"arch": "conv 6x3, maxpool 2, relu, conv 4x5, relu, maxpool 2, dense 10, tanh"},
        "cnn_means": image | {"arch": "conv 6x3, leaky_relu 0.01, avgpool 2, dropout 0.1, conv 8x3, gelu, globalpool, dense 7, sigmoid"},
        "cnn_stride": image | {"arch": "conv 6x3 stride 2, relu, maxpool 3 stride 1, conv 8x1, tanh"},
        "resnet": image | {"arch": "conv 6x3, batchnorm, relu, residual(conv 8x3 stride 2, batchnorm, relu, conv 8x3, batchnorm), relu, "
                                   "residual(conv 8x3, batchnorm), globalpool, dense 6, batchnorm, relu"},
    }
    for name, task in tasks.items():
        text = json.dumps(task)
        export = json.loads(session.ask(EXPORT.format(name=name, task=text, data=task["data"], id=task["id"])))
        description, rows = export["description"], export["rows"]
        net = network(description)
        load(net, export["weights"])

        if "input_shape" in task:
            x = torch.tensor([list(bytes.fromhex(r["image"][2:])) for r in rows]).reshape(-1, *task["input_shape"]) / 255
        else:
            x = encode(description["encoder"]["columns"], description["encoder"]["encoding"], rows)
        with torch.no_grad():
            proba = net(x).softmax(1)
        difference = (proba - torch.tensor(export["proba"])).abs().max().item()

        changed = session.ask(REBUILD.format(name=name, data=task["data"], description=json.dumps(description),
                                             weights="{" + ",".join(map(repr, dump(net))) + "}")).strip()
        print(f"{name}: {len(rows)} rows, largest difference {difference:.1e}, back in SQL {changed.split('|')[0]} rows differ")
        if difference > 1e-5 or not changed.startswith("0|"):
            raise SystemExit("advfair and PyTorch do not agree")


if __name__ == "__main__":
    main()
