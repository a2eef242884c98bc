"""Microcontrollers whose memory is known, as the limits of a network that shall run on one."""

from dataclasses import dataclass
from typing import Any

from asc_nas.core.errors import UsageError, closest

SHARE = 0.5
"""Share of a chip's flash, and of its RAM, that a network may take. The rest is for the program
around it: its code, stack and drivers, the buffers of microphone and radio, and an update beside
the program. It also covers that the RAM of some chips lies in several pieces."""


@dataclass(frozen=True)
class Chip:
    """A chip, or a board where the flash is not in the chip.

    Attributes
    ----------
    flash_kib, ram_kib : int
        Of 1024 bytes, as data sheets have them.
    clock_mhz : int
        The highest of the core.
    source : str
        Data sheet with its number, where it has one.
    """

    name: str
    title: str
    flash_kib: int
    ram_kib: int
    clock_mhz: int
    source: str

    @property
    def limits(self) -> dict[str, Any]:
        """What a network in int8 may cost on it."""
        return {
            "max_ram_kb": round(SHARE * 1.024 * self.ram_kib, 3),
            "max_param_bytes": int(SHARE * 1024 * self.flash_kib),
            "bytes_per_param": 1,
            "count_as": "layers",
            "target": "c",
        }

    def __str__(self) -> str:
        memory = f"{self.flash_kib} KiB flash, {self.ram_kib} KiB RAM"
        return f"{self.name} ({memory}, {self.clock_mhz} MHz; {self.source})"


_PICO = "Raspberry Pi Pico data sheet; RP2040 data sheet"
_PICO_2 = "Raspberry Pi Pico 2 data sheet; RP2350 data sheet"
_ESP32 = "ESP32-S3 Series data sheet; ESP32-S3-WROOM-1 data sheet"
CHIPS = {
    chip.name: chip
    for chip in (
        Chip("stm32f407vg", "STM32F407VG, Cortex-M4", 1024, 192, 168, "ST DS8626"),
        Chip("stm32f446re", "STM32F446RE, Cortex-M4", 512, 128, 180, "ST DS10693"),
        Chip("stm32l476rg", "STM32L476RG, Cortex-M4", 1024, 128, 80, "ST DS10198"),
        Chip("stm32f746zg", "STM32F746ZG, Cortex-M7", 1024, 320, 216, "ST DS10916"),
        Chip("stm32h743zi", "STM32H743ZI, Cortex-M7", 2048, 1024, 480, "ST DS12110"),
        Chip("nrf52840", "nRF52840, Cortex-M4", 1024, 256, 64,
             "Nordic nRF52840 Product Specification"),
        Chip("nrf5340", "nRF5340, application core, Cortex-M33", 1024, 512, 128,
             "Nordic nRF5340 Product Specification"),
        Chip("nano33ble", "Arduino Nano 33 BLE (nRF52840), Cortex-M4", 1024, 256, 64,
             "Arduino ABX00030"),
        Chip("atsamd51j19", "ATSAMD51J19A, Cortex-M4", 512, 192, 120, "Microchip DS60001507"),
        Chip("rp2040", "Raspberry Pi Pico (RP2040), Cortex-M0+", 2048, 264, 133, _PICO),
        Chip("rp2350", "Raspberry Pi Pico 2 (RP2350), Cortex-M33", 4096, 520, 150, _PICO_2),
        Chip("esp32s3", "ESP32-S3-WROOM-1-N8, Xtensa LX7", 8192, 512, 240, _ESP32),
    )
}  # fmt: skip
"""Those that can be named, with what their data sheets say."""


def limits_of(name: str) -> dict[str, Any]:
    """Return what a network in int8 may cost on the chip of that name.

    Raises
    ------
    UsageError
        If there is none: lists all.
    """
    if name not in CHIPS:
        raise UsageError(f"no such chip: '{name}'.{closest(name, tuple(CHIPS))} Known: {known()}.")
    return CHIPS[name].limits


def known() -> str:
    """Return all chips with their memory and clock, for a message."""
    return ", ".join(map(str, CHIPS.values()))
