"""The worst mistakes of a network, to be looked at and listened to."""

from collections.abc import Iterable

from asc_nas.report.clips import SECONDS, data_uri
from asc_nas.report.markup import Markup, tag, text
from asc_nas.report.run_report import Mistake, Mistakes


def mistakes_view(mistakes: Mistakes) -> Markup:
    """Return a card for every mistake: spectrogram, labels, a player if there is a recording."""
    network = mistakes.network
    intro = (
        f"{network.title}, seed {mistakes.seed}: {mistakes.wrong} of {mistakes.clips} test clips "
        f"are wrong. Shown are the {len(mistakes.shown)} to whose true label it gave least "
        "probability: a log-mel spectrogram of the first channel and its first "
        f"{SECONDS:g} s, made louder to the same peak. For looking and listening, not for choosing "
        "a network."
    )
    edges = (f"{mistakes.seconds:g} s", f"{mistakes.highest_hz / 1000:g} kHz")
    return text(tag("p", intro), tag("div", *_cards(mistakes.shown, edges), class_="cards"))


def _cards(shown: Iterable[Mistake], edges: tuple[str, str]) -> list[Markup]:
    cards = []
    for mistake in shown:
        of_true, of_decided = mistake.probabilities
        described = f"Log-mel spectrogram of {mistake.clip}"
        picture = tag("img", src=data_uri(mistake.spectrogram, "image/png"), alt=described)
        audio = (
            tag("p", f"No player: {mistake.reason}", class_="note")
            if mistake.audio is None
            else tag(
                "audio",
                controls=True,
                preload="metadata",
                src=data_uri(mistake.audio, "audio/ogg"),
                aria_label=f"Recording {mistake.clip}",
            )
        )
        axes = tag(
            "div",
            tag("span", f"0 to {edges[1]} upwards, mel"),
            tag("span", f"0 to {edges[0]}"),
            class_="axes",
        )
        words = tag(
            "p",
            tag("strong", mistake.label),
            f" ({of_true:.1%}) taken for ",
            tag("strong", mistake.decided),
            f" ({of_decided:.1%})",
        )
        clip = tag("p", tag("code", mistake.clip), mistake.details, class_="faint")
        cards.append(tag("figure", picture, axes, tag("figcaption", words, clip), audio))
    return cards
