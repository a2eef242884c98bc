"""A network drawn block by block, as SVG that takes its colours from the page."""

from xml.etree import ElementTree

from asc_nas.space.netspec import BlockSpec, ConvSpec, NetSpec

WIDTH = 372
_CENTRE, _LEFT, _RIGHT = 166, 72, 260
_BAR, _LAYER, _GAP, _CELL = 18, 24, 14, 4
"""Height of a bar and of a layer, space between two units, and side of a kernel's element."""
_WIDEST, _NARROWEST, _LETTER = 150, 8, 6.4


def draw(spec: NetSpec, labels: int) -> str:
    """Return the drawing of a network as SVG: every bar is a layer, as wide as it has channels.

    Depthwise kernels are drawn as the (frequency, time) elements that they cover; on the right
    stands the size of every unit's output, channels x mel bands x frames.
    """
    most = max(conv.out_channels for _, conv in spec.convolutions())
    described = f"Network of {sum(b is not None for b in spec.blocks)} blocks, input to output"
    pen = _Pen(_WIDEST / most, described)
    mels, frames = spec.input_size
    pen.terminal("log-mel", f"1 × {mels} × {frames}")
    for i, conv in enumerate(spec.stem):
        pen.arrow()
        pen.name(f"stem {i}")
        pen.size(conv)
        pen.bar(conv.out_channels, f"{_extent(conv.kernel)}{_stride(conv)}", "conv")
    for i, block in enumerate(spec.blocks):
        pen.arrow()
        if block is None:
            pen.name(f"block {i}")
            pen.skipped()
        else:
            _draw_block(pen, i, block)
    pen.arrow()
    pen.name("head")
    pen.size(spec.head)
    pen.bar(spec.head.out_channels, "1×1", "conv")
    pen.arrow()
    pen.terminal("mean over the map", str(spec.head.out_channels))
    if spec.classifier is not None:
        pen.arrow()
        pen.name("classifier")
        pen.bar(spec.classifier.out_features, "linear", "conv")
    pen.arrow()
    pen.terminal("softmax", f"{labels} classes")
    return pen.finish()


def _draw_block(pen: "_Pen", number: int, block: BlockSpec) -> None:
    top = pen.y
    pen.name(f"block {number}")
    pen.size(block.project)
    frame = pen.add("rect", "frame", x=_LEFT, y=top, width=_RIGHT - _LEFT, rx=4)
    pen.y += 4
    if block.expand is not None:
        pen.bar(block.hidden_channels, f"1×1, {block.hidden_channels}", "expand")
        pen.y += _LAYER - _BAR
    pen.kernels(block)
    pen.bar(block.out_channels, f"1×1, {block.out_channels}", "project")
    pen.y += 4
    frame.set("height", f"{pen.y - top:g}")
    if block.shortcut:
        pen.shortcut(top, pooled=block.stride != (1, 1))


def _extent(kernel: tuple[int, int]) -> str:
    return f"{kernel[0]}×{kernel[1]}"


def _stride(conv: ConvSpec) -> str:
    return "" if conv.stride == (1, 1) else f", /{_extent(conv.stride)}"


class _Pen:
    """Draws from top to bottom; `scale` is the width of one channel."""

    def __init__(self, scale: float, described: str) -> None:
        self.scale, self.y = scale, 0.0
        self.svg = ElementTree.Element(
            "svg", {"class": "network", "role": "img", "aria-label": described}
        )
        ElementTree.SubElement(self.svg, "title").text = described

    def finish(self) -> str:
        """Return the SVG, as high as what was drawn."""
        self.svg.set("viewBox", f"0 0 {WIDTH} {self.y + 2:g}")
        return ElementTree.tostring(self.svg, encoding="unicode", short_empty_elements=False)

    def add(self, shape: str, kind: str, **attributes: float | str) -> ElementTree.Element:
        words = {k: v if isinstance(v, str) else f"{v:g}" for k, v in attributes.items()}
        return ElementTree.SubElement(self.svg, shape, {"class": kind}, **words)

    def write(
        self, words: str, x: float, y: float, anchor: str = "middle", *, faint: bool = False
    ) -> None:
        text = ElementTree.SubElement(self.svg, "text", {"text-anchor": anchor})
        text.text = words
        text.set("x", f"{x:g}")
        text.set("y", f"{y:g}")
        if faint:
            text.set("class", "faint")

    def name(self, words: str) -> None:
        self.write(words, 0, self.y + 13, "start")

    def size(self, conv: ConvSpec) -> None:
        words = f"{conv.out_channels} × {conv.out_size[0]} × {conv.out_size[1]}"
        self.write(words, WIDTH, self.y + 13, "end", faint=True)

    def bar(self, channels: int, words: str, kind: str) -> None:
        """Draw a layer; what does not fit inside stands to its right."""
        width = max(_NARROWEST, channels * self.scale)
        x = _CENTRE - width / 2
        self.add("rect", kind, x=x, y=self.y, width=width, height=_BAR, rx=3)
        if width > _LETTER * len(words):
            self.write(words, _CENTRE, self.y + 13)
        else:
            self.write(words, x + width + 5, self.y + 13, "start")
        self.y += _BAR

    def kernels(self, block: BlockSpec) -> None:
        """Draw the summed depthwise kernels side by side, each with its extent."""
        extents = [conv.kernel for conv in block.depthwise]
        height = max(_BAR, *(_CELL * extent[0] for extent in extents))
        widths = [_CELL * extent[1] + 28 for extent in extents]
        x = _CENTRE - (sum(widths) + 14 * (len(widths) - 1)) / 2
        middle = self.y + height / 2
        for i, (extent, width) in enumerate(zip(extents, widths, strict=True)):
            if i:
                self.write("+", x + 6, middle + 4)
                x += 14
            self.add("path", "kernel", d=_elements(extent, x, middle))
            self.write(_extent(extent), x + _CELL * extent[1] + 4, middle + 4, "start")
            x += width
        if block.stride != (1, 1):
            self.write(f"stride {_extent(block.stride)}", 0, middle + 4, "start", faint=True)
        self.y += height + _LAYER - _BAR

    def skipped(self) -> None:
        self.add("rect", "skipped", x=_LEFT, y=self.y, width=_RIGHT - _LEFT, height=_BAR, rx=4)
        self.write("skipped", _CENTRE, self.y + 13, faint=True)
        self.y += _BAR

    def shortcut(self, top: float, *, pooled: bool) -> None:
        """Draw the path around a block that began at `top`."""
        start, end, out = top - 3, self.y + 5, _RIGHT + 12
        line = f"M{_CENTRE} {start:g}H{out - 6}q6 0 6 6V{end - 6:g}q0 6 -6 6H{_CENTRE + 5}"
        self.add("path", "shortcut", d=line)
        middle = (start + end) / 2
        if pooled:
            self.write("pooled", out + 4, middle + 4, "start", faint=True)
        self.add("circle", "sum", cx=_CENTRE, cy=end, r=4)
        self.write("+", _CENTRE, end + 3.6)

    def arrow(self) -> None:
        self.add("path", "wire", d=f"M{_CENTRE} {self.y:g}v{_GAP}")
        self.y += _GAP

    def terminal(self, words: str, size: str) -> None:
        self.write(words, _CENTRE, self.y + 12)
        self.write(size, WIDTH, self.y + 12, "end", faint=True)
        self.y += 16


def _elements(extent: tuple[int, int], x: float, middle: float) -> str:
    """Return the path of a kernel's elements, frequency upwards and time to the right."""
    top = middle - _CELL * extent[0] / 2
    return "".join(
        f"M{x + _CELL * column:g} {top + _CELL * row:g}h{_CELL}v{_CELL}h-{_CELL}z"
        for row in range(extent[0])
        for column in range(extent[1])
    )
