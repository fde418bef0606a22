"""MODEL_CARD.md, written from what report.json holds and nothing else."""

from __future__ import annotations

from edge_mnist_exporter.audit.audit import MAX_WEIGHT_PAIR
from edge_mnist_exporter.evaluate.parity import KERAS_NAME, Int8Parity
from edge_mnist_exporter.evaluate.rejection import RejectionReport
from edge_mnist_exporter.report.audit_rows import HEADS, can_saturate, describe_audits
from edge_mnist_exporter.report.report import ArtifactReport, ExportReport
from edge_mnist_runtime.acceptance import describe_rule
from edge_mnist_runtime.contract import DIGIT_LABELS
from edge_mnist_runtime.machine.int8_sums import describe_saturation


def write_model_card(report: ExportReport) -> str:
    """The Markdown text of MODEL_CARD.md."""
    dataset = report.dataset
    kind = "a handwritten-digit classifier" if _reads_digits(report) else "an image classifier"
    sections = [
        f"# {report.name}: {kind}",
        f"Made by `edge-mnist export` from `{report.source['file']}` "
        f"({report.source['parameters']:,} parameters, SHA-256 `{report.source['sha256'][:16]}...`).",
        *([f"> **{dataset.notice}**"] if dataset.notice else []),
        "## Files",
        _file_table(report),
        f"Measured on {dataset.n:,} images of {dataset.name} ({dataset.split}), where the Keras model reads "
        f"{report.reference.top1:.2%} with a calibration error of {report.reference.expected_calibration_error:.4f}. "
        "TFLite files ran in LiteRT, ONNX files in onnxruntime, with default options"
        f"{_describe_runtime(report)}. Against Keras: with the 95 % interval (Bonett and "
        "Price 2012). p: McNemar's exact test. Agreement: same answer as Keras. Calibration error: the expected one "
        "(Guo et al. 2017).",
        *_describe_parity(report.int8_parity),
        *_describe_rejection(report.rejection),
        "## Each class",
        _class_table(report),
        "## Gates",
        _table(
            ["gate", "measured", "limit", "passed"],
            [[f"`{g.name}`", f"{g.value:.4f}", g.limit, "yes" if g.passed else "**no**"] for g in report.gates],
        ),
        "## Audit",
        "Read from the finished files. Peak memory: activations for one image, and weights that are unpacked when the "
        "file is loaded. int8 sums: two weights of one sign in an output channel, the largest; up to "
        f"{MAX_WEIGHT_PAIR} steps no processor and no program saturates.",
        _table(list(HEADS), describe_audits(report)),
        *(f"> **{describe_saturation(item.file)}**" for item in report.artifacts if can_saturate(item)),
        *(f"{choice}." for choice in report.mixed),
        "## Use",
        f"Input: `image`, (N, {', '.join(map(str, dataset.image_shape))}){_describe_pixels(report)}: as uint8 the "
        "bytes 0..255, as int8 the bytes less 128, as float32 the values that the network was trained on. Output: "
        f"{len(report.labels)} `probabilities`; an 8-bit output has the scale and zero-point that manifest.json and "
        "the file itself give.",
        _describe_use(report),
        "## Limits",
        _describe_limits(report),
        "## Made with",
        _table(["package", "version"], [[name, version] for name, version in report.versions.items()]),
    ]
    return "\n\n".join(sections) + "\n"


def _describe_runtime(report: ExportReport) -> str:
    """Whether the runtime package's own options change an answer."""
    differing = [
        f"`{item.file}` on {item.runtime_differences:,}" for item in report.artifacts if item.runtime_differences
    ]
    if differing:
        return f"; edge-mnist's runtime gives other probabilities for {', '.join(differing)} images"
    return "; edge-mnist's runtime gives the same probabilities bit by bit"


def _reads_digits(report: ExportReport) -> bool:
    return report.labels == DIGIT_LABELS


def _describe_use(report: ExportReport) -> str:
    if _reads_digits(report):
        call = (
            "from edge_mnist_runtime import DigitClassifier\n\n"
            'print(DigitClassifier("this/folder").predict("digit.png"))'
        )
    else:
        call = (
            "from edge_mnist_runtime.classifier import open_model\n\n"
            'print(open_model("this/folder").run(images))  # uint8, of the shape above'
        )
    return f"```python\n{call}\n```"


def _describe_pixels(report: ExportReport) -> str:
    if not _reads_digits(report):
        return ""
    return ", bright ink on black, as `edge_mnist_runtime.preprocess` makes it from any picture"


def _describe_limits(report: ExportReport) -> str:
    if not _reads_digits(report):
        return (
            f"It knows these {len(report.labels)} classes and nothing else: {', '.join(report.labels)}. It answers "
            "with one of them for any picture."
        )
    return (
        "It knows ten digits and nothing else; how far it can tell what is none, its rejections above say of digits "
        "alone. It was trained on single, centred digits; machine print, several digits in one picture and ruled paper "
        "were not part of any figure above."
    )


def _file_table(report: ExportReport) -> str:
    heads = ["file", "bytes", "top-1", "against Keras, in points", "p", "agreement", "largest probability difference"]
    return _table([*heads, "calibration error"], [_file_row(item) for item in report.artifacts])


def _file_row(item: ArtifactReport) -> list[str]:
    figures = item.figures
    low, high = figures.delta_interval_points
    return [
        f"`{item.file}`",
        f"{item.size_bytes:,}",
        f"{figures.top1:.2%}",
        f"{figures.delta_points:+.2f} ({low:+.2f} to {high:+.2f})",
        f"{figures.mcnemar_p:.3g}",
        f"{figures.agreement:.2%}",
        f"{figures.max_abs_probability_diff:.3f}",
        f"{figures.expected_calibration_error:.4f}",
    ]


def _describe_parity(parity: Int8Parity | None) -> list[str]:
    if parity is None:
        return []
    return [
        f"The two int8 files answer {parity.agreement:.2%} of the images alike; their probabilities differ by "
        f"{parity.max_steps} steps of {parity.step:.6g} at most, and by one at most on {parity.within_one_step:.2%} of "
        "the images."
    ]


def _describe_rejection(rejection: RejectionReport | None) -> list[str]:
    if rejection is None:
        return []
    if not rejection.least_confidence:
        return ["## Rejection", f"None: every answer is accepted ({rejection.origin})."]
    rows = [
        [name if name == KERAS_NAME else f"`{name}`"]
        + [_percent(part) for part in (item.rejected, item.rejected_wrong, item.accepted_top1)]
        for name, item in rejection.figures.items()
    ]
    return [
        "## Rejection",
        f"{describe_rule(rejection.least_confidence)} (The first is {rejection.origin}.) Of the images above:",
        _table(["model", "rejected", "of the misread ones", "top-1 of the accepted"], rows),
    ]


def _class_table(report: ExportReport) -> str:
    models = {"Keras": report.reference, **{f"`{item.file}`": item.figures for item in report.artifacts}}
    return _table(
        ["class", "images", *models],
        [
            [name, f"{n_images:,}", *(_percent(model.per_class_top1[label]) for model in models.values())]
            for label, (name, n_images) in enumerate(zip(report.labels, report.dataset.n_per_class, strict=True))
        ],
    )


def _percent(part: float | None) -> str:
    return "-" if part is None else f"{part:.2%}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines)
