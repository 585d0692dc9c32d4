// Checks the log of an archive with the Go team's own implementation of transparency logs
// (golang.org/x/mod/sumdb): the signed checkpoint, the inclusion of every certificate by its proof file
// and by the tiles, and consistency with every earlier checkpoint. Shares no code with Oubliette.
//
// Usage: verify_log ARCHIVE LOG.vkey. Exit: 0 holds, 1 does not, 2 usage.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// files reads tiles in the C2SP layout, which leaves the height out of the path.
type files struct{ root string }

func (f files) Height() int { return tileHeight }

func (f files) SaveTiles([]tlog.Tile, [][]byte) {}

func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(f.root, path))
		if err != nil {
			return nil, err
		}
		all = append(all, bytes)
	}
	return all, nil
}

func need(err error, what string) {
	if err != nil {
		fmt.Printf("FAILED: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func open(text []byte, verifiers note.Verifiers, what string) tlog.Tree {
	opened, err := note.Open(text, verifiers)
	need(err, what)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 3 {
		need(fmt.Errorf("too short"), what)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	need(err, what)
	hash, err := tlog.ParseHash(lines[2])
	need(err, what)
	return tlog.Tree{N: size, Hash: hash}
}

// proof reads a C2SP .tlog-proof: version, index, hashes, an empty line, the checkpoint.
func proof(text []byte) (int64, tlog.RecordProof, []byte, error) {
	head, checkpoint, found := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, nil, nil, fmt.Errorf("not a proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return 0, nil, nil, err
	}
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		bytes, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(bytes) != tlog.HashSize {
			return 0, nil, nil, fmt.Errorf("not a hash")
		}
		var hash tlog.Hash
		copy(hash[:], bytes)
		path = append(path, hash)
	}
	return index, path, []byte(checkpoint), nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Println("usage: verify_log ARCHIVE LOG.vkey")
		os.Exit(2)
	}
	root := os.Args[1]
	key, err := os.ReadFile(os.Args[2])
	need(err, "the key")
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	need(err, "the key")
	verifiers := note.VerifierList(verifier)
	newest, err := os.ReadFile(filepath.Join(root, "checkpoint"))
	need(err, "the checkpoint")
	tree := open(newest, verifiers, "the checkpoint")
	hashes := tlog.TileHashReader(tree, files{root})

	envelopes, err := filepath.Glob(filepath.Join(root, "certificates/*/*/*/certificate.dsse.json"))
	need(err, "the certificates")
	for _, envelope := range envelopes {
		bytes, err := os.ReadFile(envelope)
		need(err, envelope)
		leaf := tlog.RecordHash([]byte(fmt.Sprintf("erasure-log/v1 certificate\nsha256 %x\n", sha256.Sum256(bytes))))
		text, err := os.ReadFile(filepath.Join(filepath.Dir(envelope), "certificate.tlog-proof"))
		need(err, envelope)
		index, path, checkpoint, err := proof(text)
		need(err, envelope)
		then := open(checkpoint, verifiers, envelope)
		need(tlog.CheckRecord(path, then.N, then.Hash, index, leaf), "the proof of "+envelope)
		again, err := tlog.ProveRecord(tree.N, index, hashes)
		need(err, "the tiles")
		need(tlog.CheckRecord(again, tree.N, tree.Hash, index, leaf), "the inclusion of "+envelope)
	}
	notes, err := filepath.Glob(filepath.Join(root, "checkpoints/*.note"))
	need(err, "the checkpoints")
	for _, name := range notes {
		text, err := os.ReadFile(name)
		need(err, name)
		then := open(text, verifiers, name)
		if then.N == 0 {
			continue
		}
		steps, err := tlog.ProveTree(tree.N, then.N, hashes)
		need(err, "the tiles")
		need(tlog.CheckTree(steps, tree.N, tree.Hash, then.N, then.Hash), "consistency with "+name)
	}
	fmt.Printf("OK: %d entries, %d certificates, %d checkpoints\n", tree.N, len(envelopes), len(notes))
}
