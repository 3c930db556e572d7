"""`python -m benchmarks.sdxl`: what an update of SDXL costs."""

from __future__ import annotations

import sys

from ambient.runs import console as command_line
from benchmarks.sdxl.options import SdxlBenchmark


def _work(options: SdxlBenchmark) -> None:
    from rich.console import Console

    from ambient.runs.files import write_text
    from ambient.runs.tables import markdown, rich_table
    from benchmarks.sdxl.report import entries, verdicts
    from benchmarks.sdxl.timing import Cell, count, run

    console = Console()
    if options.flops:
        console.print(rich_table("SDXL's U-Net at 1024x1024, LoRA of rank 4; counted, not run", count(options)))
        return

    def progress(cell: Cell) -> None:
        what = cell.failure if cell.seconds is None else f"{1e3 * cell.seconds:.1f} ms"
        console.print(f"{cell.method}, batch {cell.batch}, checkpointing {cell.checkpointing}: {what}", highlight=False)

    results = run(options, progress)
    size = "tiny U-Net" if options.tiny else "SDXL U-Net, 1024x1024, bf16, LoRA of rank 4"
    title = f"{size}, t_n = {options.t_n}, {results['hardware']}, GEMM at {results['gemm'] / 1e12:.3g} TFLOP/s"
    console.print(rich_table(title, entries(results)))
    lines = [] if options.tiny else list(verdicts(results))
    console.print("\n".join(lines), highlight=False)
    text = markdown(title, entries(results)) + "\n" + "\n\n".join(lines) + "\n"
    write_text(options.output / "table.md", text)
    print(f"Results: {options.output}  (results.json, table.md)")


def main() -> int:
    """Run the command line; returns the exit status."""
    return command_line.run(SdxlBenchmark, _work, prog="python -m benchmarks.sdxl")


if __name__ == "__main__":
    sys.exit(main())
