"""What every command's help and page ends with: exit codes, variables, files."""

EXIT_CODES = {
    0: "everything is done, or was up to date",
    1: "some inputs failed, all others are done",
    2: "wrong usage; nothing was touched",
    3: "there is nothing to work on",
    4: "weights are missing or broken",
    5: "the device cannot be used",
    6: "the output cannot be written: disk full, read-only",
    130: "interrupted by Ctrl-C, after finishing cleanly",
    143: "the same by SIGTERM",
}
RUN = (0, 1, 2, 3, 4, 5, 6, 130, 143)

VARIABLES = {
    "PIXCLI_OPTION": "Default of --option of any command that has it: PIXCLI_DEVICE=cpu.",
    "PIXCLI_COMMAND_OPTION": "Default for one command: PIXCLI_SUPERRES_SCALE=2.",
    "PIXCLI_DATA": "Folder of training sets and test sets, for train and eval.",
    "NO_COLOR": "No colours, when set to anything.",
}
FILES = {
    "pixcli.toml": "Defaults of a project: here, or in the nearest folder above that has one.",
    "~/.config/pixcli/pixcli.toml": "Defaults of a user (`pixcli doctor` says where it is on this system).",
    "OUT/.pixcli/ledger.sqlite": "What has been done in OUT.",
    "OUT/.pixcli/films/": "The finished segments of long films, until they are joined.",
}
