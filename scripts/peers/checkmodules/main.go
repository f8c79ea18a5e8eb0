// Command checkmodules prints golang.org/x/mod's verdicts on module paths and versions. It reads JSON lines
// {"path":...,"version":...} from stdin and answers each with one line, in order.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

type verdict struct {
	// What module.CheckPath and module.Check object to, or nothing.
	PathError string `json:"pathError"`
	Error     string `json:"error"`
	// What the path and the version are in URLs; empty if they cannot be escaped.
	EscapedPath    string `json:"escapedPath"`
	EscapedVersion string `json:"escapedVersion"`
	// The major version at the end of the path, and whether SplitPathVersion takes the path.
	PathMajor    string `json:"pathMajor"`
	IsSplit      bool   `json:"isSplit"`
	MatchesMajor bool   `json:"matchesMajor"`
	IsSemver     bool   `json:"isSemver"`
	IsCanonical  bool   `json:"isCanonical"`
	IsPseudo     bool   `json:"isPseudo"`
	// Of a pseudo-version: its year, or -1 if its time is none; whether its base can be, and the base; the revision.
	Year     int    `json:"year"`
	HasBase  bool   `json:"hasBase"`
	Base     string `json:"base"`
	Revision string `json:"revision"`
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func judge(path, version string) verdict {
	v := verdict{
		PathError:   text(module.CheckPath(path)),
		Error:       text(module.Check(path, version)),
		IsSemver:    semver.IsValid(version),
		IsCanonical: semver.IsValid(version) && module.CanonicalVersion(version) == version,
		IsPseudo:    module.IsPseudoVersion(version),
		Year:        -1,
	}
	v.EscapedPath, _ = module.EscapePath(path)
	v.EscapedVersion, _ = module.EscapeVersion(version)
	_, v.PathMajor, v.IsSplit = module.SplitPathVersion(path)
	v.MatchesMajor = module.MatchPathMajor(version, v.PathMajor)
	if v.IsPseudo {
		if t, err := module.PseudoVersionTime(version); err == nil {
			v.Year = t.Year()
		}
		base, err := module.PseudoVersionBase(version)
		v.Base, v.HasBase = base, err == nil
		v.Revision, _ = module.PseudoVersionRev(version)
	}
	return v
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for in.Scan() {
		var asked struct{ Path, Version string }
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(judge(asked.Path, asked.Version)); err != nil {
			log.Fatal(err)
		}
	}
	if err := in.Err(); err != nil {
		log.Fatal(err)
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
