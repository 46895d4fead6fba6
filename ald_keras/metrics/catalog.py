"""Title, unit and format of every metric, for tables, figures and reports."""

from __future__ import annotations

from dataclasses import dataclass

NATS = "nats per sample"


@dataclass(frozen=True)
class Metric:
    """How a metric is shown.

    Args:
        title: Text, as a heading.
        unit: Text, e.g. `"nats per sample"`; `""` for plain numbers.
        form: Format of one value, e.g. `"{:.2f}"`.
        short: Text, as a column of a table. Defaults to the title in lower case.
    """

    title: str
    unit: str
    form: str
    short: str = ""

    @property
    def column(self) -> str:
        """The name of a column of a table."""
        return self.short or _lower(self.title)

    @property
    def label(self) -> str:
        """Title and unit in one text, in lower case: a row of a table."""
        title = _lower(self.title)
        return f"{title}, {self.unit}" if self.unit else title


def _lower(title: str) -> str:
    """A title within a sentence; abbreviations stay."""
    return title if title[:2].isupper() else title[0].lower() + title[1:]


_RECONSTRUCTION = Metric("Reconstruction loss", NATS, "{:.2f}", "reconstruction")
_KL = Metric("KL divergence", NATS, "{:.2f}", "KL")

# By the names in logs, `run.json` and a rule's observations, which drop `_loss`.
METRICS = {
    "elbo": Metric("ELBO", NATS, "{:.2f}", "ELBO"),
    "loss": Metric("Training loss", NATS, "{:.2f}"),
    "reconstruction_loss": _RECONSTRUCTION,
    "reconstruction": _RECONSTRUCTION,
    "kl_loss": _KL,
    "kl": _KL,
    "silhouette": Metric(
        "Silhouette of the clusters", "−1 to 1", "{:.3f}", "silhouette"
    ),
    "clustering_accuracy": Metric(
        "Clustering accuracy", "0 to 1", "{:.3f}", "accuracy"
    ),
    "frechet_reconstruction": Metric(
        "Frechet distance, reconstructions", "squared units", "{:.3g}", "Frechet, rec."
    ),
    "frechet_generation": Metric(
        "Frechet distance, samples", "squared units", "{:.3g}", "Frechet, gen."
    ),
    "squared_error": Metric("Squared error", "per sample", "{:.4g}"),
    "squared_error_of_means": Metric(
        "Squared error of the means", "per sample", "{:.4g}"
    ),
    "active_dims": Metric("Latent dimensions", "", "{:.0f}", "dimensions"),
    "active_units": Metric(
        "Active units (means vary by more than 0.01)", "", "{:.0f}", "active units"
    ),
    "expected_gates": Metric("Open gates, expected number", "gates", "{:.1f}"),
    "multiplier": Metric(
        "Weight of the error against the KL", "nats per unit", "{:.3g}"
    ),
    "parameters": Metric("Parameters", "", "{:,.0f}"),
    "epochs": Metric("Epochs", "", "{:.0f}"),
    "seconds": Metric("Seconds", "", "{:.1f}"),
}
