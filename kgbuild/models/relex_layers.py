"""What a checkpoint of the joint model may choose: adjacency decoders and triple scorers.

An adjacency decoder says which ordered pairs of spans are worth scoring. A triple scorer scores
(head, relation, tail) where the published checkpoints use their pair head; its formulas come from
knowledge graph embedding.

Sizes: E spans of one text, M pairs, R relation labels, H width. σ is the logistic function.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

N_HEADS = 8
"""Of the decoders with attention."""


class Dot(nn.Module):
    """A = σ(X Xᵀ)."""

    def forward(self, spans: Tensor) -> Tensor:
        """Return A (E, E) for `spans` (E, H)."""
        return torch.sigmoid(spans @ spans.T)


class Mlp(nn.Module):
    """A = σ(W₂ relu(W₁ [x; y])), with W₁ applied once to every x and every y."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, spans: Tensor) -> Tensor:
        """Return A (E, E) for `spans` (E, H)."""
        first: nn.Linear = self.mlp[0]  # type: ignore[assignment]
        heads, tails = first.weight.chunk(2, dim=1)
        left = functional.linear(spans, heads)
        right = functional.linear(spans, tails, first.bias)
        hidden = functional.relu(left[:, None] + right[None])  # (E, E, H)
        return torch.sigmoid(self.mlp[2](hidden).squeeze(-1))


class Bilinear(nn.Module):
    """A = σ(Z Zᵀ) of projected spans Z."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, width)

    def forward(self, spans: Tensor) -> Tensor:
        """Return A (E, E) for `spans` (E, H)."""
        z = self.proj(spans)
        return torch.sigmoid(z @ z.T)


class Attention(nn.Module):
    """A = the attention of the spans to one another, averaged over the heads; rows sum to 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, N_HEADS, batch_first=True)

    def forward(self, spans: Tensor) -> Tensor:
        """Return A (E, E) for `spans` (E, H)."""
        weights: Tensor = self.attn(spans, spans, spans, need_weights=True)[1]
        return weights


class Gcn(nn.Module):
    """One step of graph convolution over σ(X Xᵀ) (arXiv 1609.02907, equation 2), then bilinear."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gcn = nn.ModuleDict({"linear": nn.Linear(width, width)})
        self.proj = nn.Linear(width, width)

    def forward(self, spans: Tensor) -> Tensor:
        """Return A (E, E) for `spans` (E, H)."""
        edges = torch.sigmoid(spans @ spans.T) + torch.eye(len(spans)).to(spans)
        scale = edges.sum(dim=1).clamp(min=1e-6) ** -0.5
        neighbours = scale[:, None] * (edges @ (scale[:, None] * spans))
        z = self.proj(functional.relu(self.gcn["linear"](neighbours)))
        return torch.sigmoid(z @ z.T)


class Gat(nn.Module):
    """Spans that attend to one another, then bilinear."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, N_HEADS, batch_first=True)
        self.linear = nn.Linear(width, width)

    def forward(self, spans: Tensor) -> Tensor:
        """Return A (E, E) for `spans` (E, H)."""
        z = self.linear(self.attn(spans, spans, spans, need_weights=False)[0])
        return torch.sigmoid(z @ z.T)


ADJACENCY: dict[str, Callable[[int], nn.Module]] = {
    "dot": lambda width: Dot(),
    "mlp": Mlp,
    "bilinear": Bilinear,
    "attention": Attention,
    "attn": Attention,
    "gcn": Gcn,
    "gat": Gat,
}


def _closeness(difference: Tensor, p: int) -> Tensor:
    """Negative length of the last dimension, at least -10."""
    length: Tensor = torch.linalg.vector_norm(difference, ord=p, dim=-1)
    return -length.clamp(max=10.0)


def um(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """Unstructured model (Bordes et al. 2014): ‖h - t‖, whatever the relation."""
    return _closeness(h - t, 2)


def se(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """Structured embeddings (Bordes et al. 2011), with diagonal matrices."""
    return _closeness(r * h - r * t, 2)


def trans_e(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """TransE (Bordes et al. 2013): ‖h + r - t‖₁."""
    return _closeness(h + r - t, 1)


def trans_h(h: Tensor, r: Tensor, t: Tensor, rtr: Tensor, w: Tensor) -> Tensor:
    """TransH (Wang et al. 2014): a translation by `rtr` on the plane with normal `w`."""
    w = functional.normalize(w, dim=-1)

    def on_plane(x: Tensor) -> Tensor:
        return x - (x * w).sum(dim=-1, keepdim=True) * w

    return _closeness(on_plane(h) + rtr - on_plane(t), 2)


def trans_f(h: Tensor, r: Tensor, t: Tensor, rvec: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """TransF as the public package has it: ‖α∘h + rvec - β∘t‖."""
    return _closeness(alpha * h + rvec - beta * t, 2)


def pair_re(h: Tensor, r: Tensor, t: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """PairRE (arXiv 2011.03798): ‖α∘h - β∘t‖."""
    return _closeness(alpha * h - beta * t, 2)


def triple_re(
    h: Tensor, r: Tensor, t: Tensor, alpha: Tensor, beta: Tensor, delta: Tensor, gamma: Tensor
) -> Tensor:
    """TripleRE (arXiv 2209.08271), scaled: γ ‖α∘h + δ - β∘t‖."""
    return gamma.squeeze(-1) * _closeness(alpha * h + delta - beta * t, 2)


def dist_mult(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """DistMult (arXiv 1412.6575): Σ h r t."""
    return (h * r * t).sum(dim=-1)


def simple(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """SimplE (arXiv 1802.04868), every vector in a forward and a backward half."""
    (hf, hb), (rf, rb), (tf, tb) = (x.chunk(2, dim=-1) for x in (h, r, t))
    return 0.5 * ((hf * rf * tb).sum(dim=-1) + (tf * rb * hb).sum(dim=-1))


def dist_ma(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """DistMA (Shi et al. 2019): h·r + h·t + r·t."""
    return (h * r).sum(dim=-1) + (h * t).sum(dim=-1) + (r * t).sum(dim=-1)


def compl_ex(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """ComplEx (arXiv 1606.06357, equation 11), every vector in a real and an imaginary half."""
    (hr, hi), (rr, ri), (tr, ti) = (x.chunk(2, dim=-1) for x in (h, r, t))
    return (hr * rr * tr + hr * ri * ti + hi * rr * ti - hi * ri * tr).sum(dim=-1)


def quat_e(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """QuatE (arXiv 1904.10281): (h ⊗ r)·t of quaternions, with r as it is, not of length 1."""
    (a, b, c, d), (e, f, g, i), (t0, t1, t2, t3) = (x.chunk(4, dim=-1) for x in (h, r, t))
    rotated = (
        (a * e - b * f - c * g - d * i) * t0
        + (a * f + b * e + c * i - d * g) * t1
        + (a * g - b * i + c * e + d * f) * t2
        + (a * i + b * g - c * f + d * e) * t3
    )
    return rotated.sum(dim=-1)


def hol_e(h: Tensor, r: Tensor, t: Tensor) -> Tensor:
    """HolE (arXiv 1510.04935, equation 4): r · (h ⋆ t), correlated by Fourier transform."""
    product = torch.fft.rfft(h.float()).conj() * torch.fft.rfft(t.float())
    correlation: Tensor = torch.fft.irfft(product, n=h.shape[-1])
    return (correlation * r.float()).sum(dim=-1)


class Elementwise(nn.Module):
    """A formula over a head, a relation and a tail, and over linear maps of the relation.

    Args:
        formula: Takes h, r, t and the maps, all of the same shape up to broadcasting.
        width: H.
        maps: Names of the maps, and the width of each.
    """

    def __init__(self, formula: Callable[..., Tensor], width: int, **maps: int) -> None:
        super().__init__()
        self._formula = formula
        self._maps = [f"r_to_{name}" for name in maps]
        for name, size in zip(self._maps, maps.values(), strict=True):
            self.add_module(name, nn.Linear(width, size))

    def forward(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        """Score heads and tails (M, H) with every relation (R, H): (M, R)."""
        maps = [self.get_submodule(name)(r) for name in self._maps]
        scores = self._formula(h[:, None], r, t[:, None], *maps)
        return scores.expand(len(h), len(r))


class ErMlp(nn.Module):
    """ER-MLP (Dong et al. 2014): W₂ relu(W₁ [h; r; t]), with W₁ applied to h, r and t once."""

    def __init__(self, width: int, hidden: int = 2048) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(3 * width, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        """Score heads and tails (M, H) with every relation (R, H): (M, R)."""
        first: nn.Linear = self.mlp[0]  # type: ignore[assignment]
        of_h, of_r, of_t = first.weight.chunk(3, dim=1)
        pairs = functional.linear(h, of_h, first.bias) + functional.linear(t, of_t)
        hidden = functional.relu(pairs[:, None] + functional.linear(r, of_r))  # (M, R, hidden)
        scores: Tensor = self.mlp[2](hidden).squeeze(-1)
        return scores


class ConvKb(nn.Module):
    """ConvKB (arXiv 1712.02121, equation 1): filters over [h; r; t], position by position."""

    def __init__(self, width: int, n_filters: int = 32) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, n_filters, kernel_size=1)
        self.fc = nn.Linear(n_filters * width, 1)

    def forward(self, h: Tensor, r: Tensor, t: Tensor) -> Tensor:
        """Score heads and tails (M, H) with every relation (R, H): (M, R)."""
        bias: Tensor = self.conv.bias  # type: ignore[assignment]
        weights = self.fc.weight.view(self.conv.out_channels, -1)  # (filters, H)
        scores = self.fc.bias.expand(len(h), len(r))
        for (of_h, of_r, of_t), offset, weight in zip(
            self.conv.weight.squeeze(-1), bias, weights, strict=True
        ):
            pairs = of_h * h + of_t * t + offset
            scores = scores + functional.relu(pairs[:, None] + of_r * r) @ weight
        return scores


TRIPLES: dict[str, Callable[[int], nn.Module]] = {
    "UM": lambda width: Elementwise(um, width),
    "SE": lambda width: Elementwise(se, width),
    "TransE": lambda width: Elementwise(trans_e, width),
    "TransH": lambda width: Elementwise(trans_h, width, rtr=width, w=width),
    "TransF": lambda width: Elementwise(trans_f, width, rvec=width, alpha=width, beta=width),
    "PairRE": lambda width: Elementwise(pair_re, width, alpha=width, beta=width),
    "TripleRE": lambda width: Elementwise(
        triple_re, width, alpha=width, beta=width, delta=width, gamma=1
    ),
    "DistMult": lambda width: Elementwise(dist_mult, width),
    "SimplE": lambda width: Elementwise(simple, width),
    "DistMA": lambda width: Elementwise(dist_ma, width),
    "ComplEx": lambda width: Elementwise(compl_ex, width),
    "QuatE": lambda width: Elementwise(quat_e, width),
    "HolE": lambda width: Elementwise(hol_e, width),
    "ERMLP": ErMlp,
    "ConvKB": ConvKb,
}
"""By the names of the configuration.

ConvE is not there, as no checkpoint of it can be made, nor TuckER: in the public package its score
of a triple depends on which other triples are scored with it.
"""
OF_WIDTH_768 = frozenset({"TransH", "TransF", "PairRE", "TripleRE", "ERMLP", "ConvKB"})
"""Those with weights; the public package makes them for this width, whatever the model's is."""
