# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What there is to look at. Sourced, in the top of the source.

# every file of the project but those that a build made, one a line
all_files() {
    local built
    built=$(find . -name meson-private -type d -printf '%h\n')
    find . -name .git -prune -o -name __pycache__ -prune -o -type f -printf '%P\n' | sort |
        while read -r file; do
            while [ -n "$built" ] && read -r directory; do
                [[ ./$file != "$directory"/* ]] || continue 2
            done <<<"$built"
            printf '%s\n' "$file"
        done
}

c_files() { all_files | grep -E '\.[ch]$'; }

# files whose first line names an interpreter that matches
scripts() {                                      # PATTERN
    # shellcheck disable=SC2016
    all_files | grep -v '^tests/fuzz/corpus-' | xargs awk 'FNR == 1 { print FILENAME ":" $0 } { nextfile }' |
        grep -E "^[^:]*:#!.*($1)" | cut -d: -f1
}
