// Prints results of Go's own libraries about modules: golang.org/x/mod/zip and golang.org/x/mod/sumdb/dirhash for zips,
// folders and repositories, filippo.io/torchwood for proofs.
//
//	modrules vcs PATH VERSION REPOSITORY REVISION SUBDIR   the hash of the module zip that is made of a checkout
//	modrules zip PATH VERSION FILE                         the hash of a zip, and whether it is a module zip
//	modrules dir FOLDER PREFIX                             the hash of a folder
//	modrules names                                         true or false for each JSON string on stdin: is it a file name?
//	modrules folds                                         true or false for each JSON pair on stdin: equal but for case?
//	modrules proof FILE RECORD LOG N WITNESS...            whether a tlog-proof of a record holds, and N of these cosigned it
//
// Prints one JSON line for each answer.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/mod/zip"
)

func say(value any) {
	line, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

type verdict struct {
	Hash  string `json:"hash,omitempty"`
	Error string `json:"error,omitempty"`
}

func said(hash string, err error) verdict {
	if err != nil {
		return verdict{Hash: hash, Error: err.Error()}
	}
	return verdict{Hash: hash}
}

func vcs(path, version, repository, revision, subdir string) (string, error) {
	var made bytes.Buffer
	m := module.Version{Path: path, Version: version}
	if err := zip.CreateFromVCS(&made, m, repository, revision, subdir); err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "modrules")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "made.zip")
	if err := os.WriteFile(file, made.Bytes(), 0o600); err != nil {
		return "", err
	}
	return dirhash.HashZip(file, dirhash.Hash1)
}

func checkZip(path, version, file string) (string, error) {
	hash, err := dirhash.HashZip(file, dirhash.Hash1)
	if err != nil {
		return "", err
	}
	checked, err := zip.CheckZip(module.Version{Path: path, Version: version}, file)
	if err != nil {
		return hash, err
	}
	return hash, checked.Err()
}

// The policies of torchwood's files are for logs whose origin is the name of their key. A checksum database has another.
func proof(proofFile, recordFile, log string, need int, witnesses []string) error {
	verifier, err := note.NewVerifier(log)
	if err != nil {
		return err
	}
	var cosigners []torchwood.Policy
	for _, witness := range witnesses {
		cosigner, err := torchwood.NewCosignatureVerifier(witness)
		if err != nil {
			return err
		}
		cosigners = append(cosigners, torchwood.SingleVerifierPolicy(cosigner))
	}
	policy := torchwood.ThresholdPolicy(3, torchwood.OriginPolicy("go.sum database tree"),
		torchwood.SingleVerifierPolicy(verifier), torchwood.ThresholdPolicy(need, cosigners...))
	record, err := os.ReadFile(recordFile)
	if err != nil {
		return err
	}
	file, err := os.ReadFile(proofFile)
	if err != nil {
		return err
	}
	return torchwood.VerifyProof(policy, tlog.RecordHash(record), file)
}

func eachLine(act func(line []byte)) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		act(lines.Bytes())
	}
}

func main() {
	args := os.Args[1:]
	switch {
	case len(args) == 6 && args[0] == "vcs":
		say(said(vcs(args[1], args[2], args[3], args[4], args[5])))
	case len(args) == 4 && args[0] == "zip":
		say(said(checkZip(args[1], args[2], args[3])))
	case len(args) == 3 && args[0] == "dir":
		say(said(dirhash.HashDir(args[1], args[2], dirhash.Hash1)))
	case len(args) == 1 && args[0] == "names":
		eachLine(func(line []byte) {
			var name string
			if err := json.Unmarshal(line, &name); err != nil {
				panic(err)
			}
			say(module.CheckFilePath(name) == nil)
		})
	case len(args) == 1 && args[0] == "folds":
		eachLine(func(line []byte) {
			var pair [2]string
			if err := json.Unmarshal(line, &pair); err != nil {
				panic(err)
			}
			say(strings.EqualFold(pair[0], pair[1]))
		})
	case len(args) > 4 && args[0] == "proof":
		need, err := strconv.Atoi(args[4])
		if err != nil {
			panic(err)
		}
		say(said("", proof(args[1], args[2], args[3], need, args[5:])))
	default:
		fmt.Fprintln(os.Stderr, "usage: modrules vcs|zip|dir|names|folds|proof ...")
		os.Exit(2)
	}
}
