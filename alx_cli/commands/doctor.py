"""`alx doctor`."""

import click
from rich.markup import escape

from alx_cli.diagnosis import Finding, diagnose
from alx_cli.output import print_json, stdout
from alx_core.printable import printable_lines


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(as_json: bool) -> None:
    """Check settings, databases and rights, and say how to mend what is wrong.

    Looks at everything it can reach, changes nothing, and exits with 1 when something has to be mended.
    """
    findings = list(diagnose())
    if as_json:
        print_json([{"check": each.check, "ok": each.ok, "detail": each.detail} for each in findings])
    else:
        for each in findings:
            stdout.print(_line(each))
    broken = sum(not each.ok for each in findings)
    if broken:
        click.echo(f"\n{broken} of {len(findings)} checks found something to mend.", err=True)
        raise SystemExit(1)
    if not as_json:
        stdout.print("\nAll is well.")


def _line(finding: Finding) -> str:
    mark = "[green]ok  [/]" if finding.ok else "[bold red]mend[/]"
    return f"{mark} [bold]{finding.check}[/]: {escape(printable_lines(finding.detail))}"
