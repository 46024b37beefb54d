// Decodes manifests into the API types of the projects that define them, as those projects'
// controllers and webhooks do, and prints JSON: for each document of a known kind its errors and
// the object as it is encoded again.
//
//	types MANIFEST…
//
// A mutating webhook sends the whole object back, encoded by its own types, and the cluster then
// validates that. What such a type writes for an absent field is in no schema.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	route "github.com/openshift/api/route/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	spinkube "github.com/spinkube/spin-operator/api/v1alpha1"
	"gopkg.in/yaml.v3"
	"knative.dev/pkg/apis"
	serving "knative.dev/serving/pkg/apis/serving/v1"
)

// An object that its project can complete and check without a cluster.
type checked interface {
	SetDefaults(context.Context)
	Validate(context.Context) *apis.FieldError
}

var types = map[string]func() any{
	"core.spinkube.dev/v1alpha1 SpinApp":         func() any { return new(spinkube.SpinApp) },
	"core.spinkube.dev/v1alpha1 SpinAppExecutor": func() any { return new(spinkube.SpinAppExecutor) },
	"keda.sh/v1alpha1 ScaledObject":              func() any { return new(keda.ScaledObject) },
	"keda.sh/v1alpha1 TriggerAuthentication":     func() any { return new(keda.TriggerAuthentication) },
	"monitoring.coreos.com/v1 PrometheusRule":    func() any { return new(monitoring.PrometheusRule) },
	"monitoring.coreos.com/v1 ServiceMonitor":    func() any { return new(monitoring.ServiceMonitor) },
	"route.openshift.io/v1 Route":                func() any { return new(route.Route) },
	"serving.knative.dev/v1 Service":             func() any { return new(serving.Service) },
}

type result struct {
	File     string          `json:"file"`
	Kind     string          `json:"kind"`
	Errors   []string        `json:"errors"`
	Document json.RawMessage `json:"document"`
}

func main() {
	results := []result{}
	for _, file := range os.Args[1:] {
		if err := read(file, &results); err != nil {
			fmt.Fprintf(os.Stderr, "types: cannot read %s: %v\n", file, err)
			os.Exit(1)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		fmt.Fprintf(os.Stderr, "types: cannot write: %v\n", err)
		os.Exit(1)
	}
}

func read(file string, results *[]result) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document map[string]any
		if err := documents.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		kind := fmt.Sprintf("%v %v", document["apiVersion"], document["kind"])
		if create, known := types[kind]; known {
			one, err := check(document, create())
			if err != nil {
				return err
			}
			one.File, one.Kind = file, kind
			*results = append(*results, one)
		}
	}
}

// Returns the object as its project would send it back.
func check(document map[string]any, object any) (result, error) {
	found := result{Errors: []string{}}
	text, err := json.Marshal(document)
	if err != nil {
		return found, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(object); err != nil {
		found.Errors = append(found.Errors, err.Error())
		return found, nil
	}
	if object, ok := object.(checked); ok {
		ctx := apis.WithinCreate(context.Background())
		object.SetDefaults(ctx)
		if err := object.Validate(ctx); err != nil {
			found.Errors = append(found.Errors, err.Error())
		}
	}
	found.Document, err = json.Marshal(object)
	return found, err
}
