"""What devices compute in a second, and how much of that a training is taken to use."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """A kind of device: its peak in bfloat16, dense, and the share of it that a step is taken to reach."""

    name: str
    peak: float
    """Operations in a second."""
    share: float

    @property
    def speed(self) -> float:
        return self.peak * self.share


# Peaks of GPUs are their makers', of dense products. Shares are assumptions: products of these sizes, norms and
# activations between them, and gradients on their way leave a good third. The CPU's peak was measured on two cores of
# an AMD EPYC with AVX-512 and bfloat16.
DEVICES = (
    Device("H100 (SXM)", 989e12, 0.35),
    Device("A100", 312e12, 0.4),
    Device("CPU, two cores", 0.416e12, 0.5),
)
