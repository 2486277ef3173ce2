"""Builds emoji_art.tsv and emoji_sheet.png from Twemoji's SVG files: see README.md.

    python build_emoji.py package/dist/svg
"""

import io
import os
import re
import sys

from PIL import Image
import resvg_py

HERE = os.path.dirname(os.path.abspath(__file__))
CELL = 72
COLUMNS = 8


def rows():
    with open(os.path.join(HERE, "emoji.tsv"), encoding="utf-8") as table:
        return [line.rstrip("\n").split("\t") for line in table]


def main():
    folder = sys.argv[1]
    emoji = rows()
    assert len(emoji) == 64
    sheet = Image.new("RGB", (COLUMNS * CELL, len(emoji) // COLUMNS * CELL), "white")
    art = []
    for place, row in enumerate(emoji):
        with open(os.path.join(folder, f"{ord(row[0]):x}.svg"), encoding="utf-8") as file:
            svg = file.read().strip()
        width, height, body = re.fullmatch(r'<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)">(.*)</svg>', svg, re.S).groups()
        if float(height) != 36:
            body = f'<g transform="translate(0 {(36 - float(height)) / 2:g})">{body}</g>'
        assert width == "36" and "id=" not in body
        art.append(body.replace("\n", ""))
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36">{body}</svg>'
        drawn = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=CELL, height=CELL)))).convert("RGBA")
        sheet.paste(drawn, (place % COLUMNS * CELL, place // COLUMNS * CELL), drawn)
    with open(os.path.join(HERE, "emoji_art.tsv"), "w", encoding="utf-8", newline="\n") as table:
        table.write("\n".join(art) + "\n")
    # A palette without dithering keeps the colours flat and the file small.
    sheet = sheet.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    sheet.save(os.path.join(HERE, "emoji_sheet.png"), optimize=True)


main()
