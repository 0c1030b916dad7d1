#!/usr/bin/env bash
# Puts the real data sets into data/, where the examples look for them. What is there already and intact is kept.
#
#   tools/data.sh [adult] [cifar10]           default: both
#
#   data/adult/adult.data, adult.test         Adult (Census Income), B. Becker and R. Kohavi, 1996, CC BY 4.0
#   data/cifar10/train.bin, test.bin          CIFAR-10, A. Krizhevsky, 2009: 3073-byte records, label then pixels
#
# Taken from the directory ADVFAIR_DATA (default ../shared/data), laid out in the same way with the CIFAR-10
# files packed by xz, and what that lacks is downloaded.
set -euo pipefail
. "$(dirname "$0")/common.sh"

source=${ADVFAIR_DATA:-$top/../shared/data}
adult_url=https://archive.ics.uci.edu/static/public/2/adult.zip
cifar10_url=https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz

adult_sums='
5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d  adult.data
a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05  adult.test'
# Of the files in ADVFAIR_DATA, where a few images are decoded from JPEG: not those of the download.
cifar10_sums='
c89f5e426167d969237c3cb4cde9da5127b48cf38f0e53fbe53507ddc39d5a32  train.bin
12b72019dddc66aa680d9654ddcc864aa808e6540641e0887054d04d415d6427  test.bin'
cifar10_archive_md5=c32a1d4ab5d03f1284b67883e8d87530

need() {
    local tool
    for tool in "$@"; do command -v "$tool" >/dev/null || { "$top/tools/deps.sh" data; return; }; done
}

# verify DIR SUMS WHERE-FROM
verify() { (cd "$1" && sed '/^$/d' <<<"$2" | sha256sum --check --quiet --strict >&2) || die "$3 is not what was expected"; }

intact() { [ -f "$1/SHA256SUMS" ] && (cd "$1" && sha256sum --check --status SHA256SUMS); }

download() {
    say "downloading $1"
    need curl
    curl --fail --location --silent --show-error --retry 2 --connect-timeout 20 --output "$2" "$1" ||
        die "There are no data: $source has none, and $1 could not be downloaded.
Set ADVFAIR_DATA to a directory that holds them."
}

make_adult() {
    if [ -f "$source/adult/adult.data" ] && [ -f "$source/adult/adult.test" ]; then
        ln -s "$(realpath "$source/adult/adult.data")" "$(realpath "$source/adult/adult.test")" .
        verify . "$adult_sums" "$source/adult"
    else
        download "$adult_url" adult.zip
        need unzip
        unzip -q adult.zip adult.data adult.test
        rm adult.zip
        verify . "$adult_sums" "$adult_url"
    fi
    sha256sum adult.data adult.test >SHA256SUMS
}

make_cifar10() {
    if [ -f "$source/cifar10/train.bin.xz" ] && [ -f "$source/cifar10/test.bin.xz" ]; then
        need xz
        xz -dc -T0 "$source/cifar10/train.bin.xz" >train.bin
        xz -dc -T0 "$source/cifar10/test.bin.xz" >test.bin
        verify . "$cifar10_sums" "$source/cifar10"
    else
        download "$cifar10_url" archive.tar.gz
        md5sum --check --quiet <<<"$cifar10_archive_md5  archive.tar.gz" || die "$cifar10_url is not what was expected"
        tar --strip-components=1 -xzf archive.tar.gz
        cat data_batch_{1,2,3,4,5}.bin >train.bin
        mv test_batch.bin test.bin
        rm archive.tar.gz data_batch_*.bin batches.meta.txt readme.html
    fi
    sha256sum train.bin test.bin >SHA256SUMS
}

# What is there is replaced: it must not be where it comes from.
[ ! "$source" -ef "$top/data" ] || die "ADVFAIR_DATA is $source, where the data sets are to be put: name another directory, or none"

[ $# -gt 0 ] || set -- adult cifar10
for name in "$@"; do
    case $name in adult|cifar10) ;; *) die "tools/data.sh: unknown data set \"$name\"; known are adult, cifar10" ;; esac
    dir=$top/data/$name
    if intact "$dir"; then
        say "data/$name: there already"
        continue
    fi
    # Made beside its place and moved there when complete, so that an interruption leaves nothing half done.
    mkdir -p "$top/data"
    new=$(mktemp -d "$top/data/.new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    chmod 755 "$new"
    (cd "$new"; "make_$name")
    rm -rf "$dir"
    mv "$new" "$dir"
    say "data/$name: done"
done
