"""MODEL_CARD.md, written from the report alone."""

from __future__ import annotations

from edge_mnist_exporter.report import ExportReport


def write_model_card(report: ExportReport) -> str:
    """The Markdown text of MODEL_CARD.md."""
    dataset = report.dataset
    sections = [
        f"# {report.name}: a handwritten-digit classifier",
        f"Made by `edge-mnist export` from `{report.source['file']}` "
        f"({report.source['parameters']:,} parameters, SHA-256 `{report.source['sha256'][:16]}...`).",
        *([f"> **{dataset.notice}**"] if dataset.notice else []),
        "## Files",
        _table(
            ["file", "bytes", "top-1", "against Keras", "agreement", "largest probability difference"],
            [
                [
                    f"`{item.file}`",
                    f"{item.size_bytes:,}",
                    f"{item.top1:.2%}",
                    f"{item.delta_points:+.2f} points",
                    f"{item.agreement:.2%}",
                    f"{item.max_abs_probability_diff:.3f}",
                ]
                for item in report.artifacts
            ],
        ),
        f"Measured on {dataset.n:,} images of {dataset.name} ({dataset.split}), where the Keras model reads "
        f"{report.reference['top1']:.2%}. TFLite files ran in LiteRT, ONNX files in onnxruntime.",
        "## Gates",
        _table(
            ["gate", "measured", "limit", "passed"],
            [[f"`{g.name}`", f"{g.value:.4f}", g.limit, "yes" if g.passed else "**no**"] for g in report.gates],
        ),
        "## Use",
        "Input: `image`, uint8, (N, 28, 28, 1), 0..255, bright ink on black, as `edge_mnist_runtime.preprocess` makes "
        "it from any picture. Output: ten `probabilities`; a TFLite int8 file stores them as uint8, with the scale and "
        "zero-point that manifest.json and the file itself give.",
        "```python\nfrom edge_mnist_runtime import DigitClassifier\n\n"
        'print(DigitClassifier("this/folder").predict("digit.png"))\n```',
        "## Limits",
        "It knows ten digits and nothing else: it answers with one of them for any picture that holds ink. It was "
        "trained on single, centred, handwritten digits; machine print, several digits in one picture and ruled paper "
        "were not part of any figure above.",
        "## Made with",
        _table(["package", "version"], [[name, version] for name, version in report.versions.items()]),
    ]
    return "\n\n".join(sections) + "\n"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
