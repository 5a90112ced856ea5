"""Facts that say otherwise than the prose."""

from pathlib import Path

import pytest

from runtime.arc.agreement import disagreements
from runtime.config.groups import ROOT
from runtime.config.persona_file import parse_persona

SARAH = ROOT / "personas" / "sarah_thompson.md"


def lines(text: str) -> list[str]:
    """What the persona of this text is told about its facts."""
    return disagreements(parse_persona(text.encode(), Path("x.md")))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "CUST-2847",
            "CUST-9999",
            ["facts.account: the fact says CUST-2847, and the prose says `Account number: CUST-9999`"],
        ),
        ("298.50", "399.20", ["facts.amount: the fact says $298.50"]),
        ("2019, six", "2018, seven", ["facts.tenure: the fact says 2019"]),
        ("Plan: Premium Plus", "Plan: Premium Gold", ["facts.plan: the fact says Plus"]),
        ("Tier: Gold", "Tier: Platinum", ["facts.tier: the fact says Gold"]),
        ("Name: Sarah Thompson", "Name: Sarah Miller", ["facts.name: the fact says Thompson"]),
        ("so far: 23", "so far: 24", []),  # the fact says it in words
    ],
)
def test_an_edit_of_the_prose_that_was_forgotten_in_the_facts_is_noticed(old: str, new: str, said: list[str]) -> None:
    """Numbers, codes and names, in English and Thai texts alike; what is not certain is left alone."""
    front, prose = SARAH.read_text().rsplit("\n---\n", 1)
    assert old in prose and not lines(f"{front}\n---\n{prose}")
    found = lines(f"{front}\n---\n{prose.replace(old, new)}")
    assert len(found) == len(said) and all(map(str.startswith, found, said))


@pytest.mark.parametrize(
    ("fact", "prose", "alike"),
    [
        ("order: {hear: order, say: A-7781.}", "Order total: $45.00", True),
        ("order: {hear: order, say: A-7781.}", "He has lost A-9912.", False),
        ("order: {hear: order, say: A-7781.}", "He has lost it.", True),
        ("account: {hear: account, say: CUST-2847.}", "Account holder since: 2019", True),
        ("amount: {hear: how much, say: '1,299 baht'}", "Amount: 1299 baht", True),
        ("amount: {hear: how much, say: '๑๒๙๙ บาท'}", "Amount: 1299 baht", True),
        ("amount: {hear: how much, say: '1,299 baht'}", "Amount: 1399 baht", False),
        ("plan: {hear: plan, say: 'Currently I am on Basic.'}", "Plan: Basic", True),
    ],
)
def test_a_fact_that_only_adds_to_the_prose_agrees_with_it(fact: str, prose: str, alike: bool) -> None:
    """What the prose leaves out, or writes in another way, is no contradiction."""
    assert bool(lines(f"---\nfacts: {{{fact}}}\n---\nYou are Bill.\n- {prose}\n")) is not alike
