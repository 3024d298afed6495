"""Reports of `convonet eval`: a table for people, and JUnit XML for test runners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement

from rich.console import Console
from rich.table import Table

from convonet.evals.runner import Result


def print_table(results: Sequence[Result], console: Console) -> None:
    """Print each scenario with its time, and the failed ones with their faults and conversation."""
    table = Table("", "scenario", "model", "s", box=None)
    for result in results:
        table.add_row("[red]x" if result.faults else "[green]ok", result.name, result.model, f"{result.spent_s:.1f}")
    console.print(table)
    for result in results:
        if result.faults:
            console.print(f"\n[bold]{result.name}[/bold]")
            for said, answered in result.transcript:
                console.print(f"  > {said}\n    {answered}", markup=False)
            for fault in result.faults:
                console.print(f"  ! {fault}", style="red", markup=False)
    failed = sum(bool(result.faults) for result in results)
    console.print(f"\n{len(results) - failed} of {len(results)} scenarios went as they must.")


def write_junit(results: Sequence[Result], file: Path) -> None:
    """Write one test case for each scenario."""
    failed = sum(bool(result.faults) for result in results)
    suite = Element("testsuite", name="convonet eval", tests=str(len(results)), failures=str(failed))
    for result in results:
        case = SubElement(suite, "testcase", name=result.name, classname=result.model, time=f"{result.spent_s:.3f}")
        if result.faults:
            SubElement(case, "failure", message=result.faults[0]).text = "\n".join(result.faults)
    ElementTree(suite).write(file, "utf-8", xml_declaration=True)
