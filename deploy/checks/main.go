// Reads deployment files as the programs do that they are made for, and prints what they come to. Made for tests.
//
//	checks compose FILE       as `docker compose -f FILE config`, by the library that it is made of; as JSON
//	checks kustomize FOLDER   as `kubectl kustomize FOLDER`
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	commands := map[string]func(string) ([]byte, error){"compose": compose, "kustomize": kustomize}
	if len(os.Args) != 3 || commands[os.Args[1]] == nil {
		fail("usage: checks compose FILE | checks kustomize FOLDER")
	}
	text, err := commands[os.Args[1]](os.Args[2])
	if err != nil {
		fail(err)
	}
	if _, err := os.Stdout.Write(text); err != nil {
		fail(err)
	}
}

// Variables are those of the environment alone: no .env of a developer changes what a test sees.
func compose(file string) ([]byte, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv, cli.WithInterpolation(true))
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.MarshalJSON()
}

func kustomize(folder string) ([]byte, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	return resources.AsYaml()
}

func fail(reason any) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(1)
}
