// A Go application on the stock OpenTelemetry SDK, with nothing of Spantail's in it, shown by Spantail.
//
// Run `make run` (or `spantail demo`) in one terminal, and in another, from this folder:
//
//	go run .
//
// It prints the address of its trace. OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_PROTOCOL (http/protobuf, grpc)
// send it elsewhere, SPANTAIL_URL is where it is looked at.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const service = "http://127.0.0.1:8321"

var tracer = otel.Tracer("examples.go")

// traced runs work in a span, which keeps the error that work returns.
func traced(
	ctx context.Context, name string, work func(context.Context, trace.Span) error, options ...trace.SpanStartOption,
) error {
	ctx, span := tracer.Start(ctx, name, options...)
	defer span.End()
	err := work(ctx, span)
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}

// ask asks a model (made up here, as are its tokens). The attributes are OpenTelemetry's names for such a call.
func ask(ctx context.Context, model string) error {
	call := func(_ context.Context, span trace.Span) error {
		time.Sleep(100 * time.Millisecond)
		span.SetAttributes(attribute.Int("gen_ai.usage.input_tokens", 412), attribute.Int("gen_ai.usage.output_tokens", 96))
		return nil
	}
	return traced(ctx, "chat "+model, call, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.provider.name", "openai"),
		attribute.String("gen_ai.request.model", model),
	))
}

// library is a service that knows documents. Both sides of a request to it are spans, made by otelhttp.
func library() *httptest.Server {
	documents := func(response http.ResponseWriter, _ *http.Request) {
		time.Sleep(50 * time.Millisecond)
		_ = json.NewEncoder(response).Encode([]string{"tea", "coffee", "water"})
	}
	paths := http.NewServeMux()
	paths.HandleFunc("GET /documents", documents)
	return httptest.NewServer(otelhttp.NewHandler(paths, "library"))
}

func findDocuments(address string) func(context.Context, trace.Span) error {
	client := http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport)}
	return func(ctx context.Context, span trace.Span) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/documents", http.NoBody)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		var found []string
		if err := json.NewDecoder(response.Body).Decode(&found); err != nil {
			return err
		}
		span.SetAttributes(attribute.Int("documents.found", len(found)))
		return nil
	}
}

func storeAnswer(context.Context, trace.Span) error {
	return errors.New("the database did not answer")
}

// exporter speaks the protocol that the environment names; it reads the other OTEL_EXPORTER_OTLP_ variables itself.
func exporter(ctx context.Context) (*otlptrace.Exporter, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		return otlptracegrpc.New(ctx)
	}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(service+"/v1/traces"))
	}
	return otlptracehttp.New(ctx)
}

func main() {
	ctx := context.Background()
	exporter, err := exporter(ctx)
	if err != nil {
		log.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "go-example"))),
	)
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	documents := library()

	err = traced(ctx, "answer a question", func(ctx context.Context, root trace.Span) error {
		if err := traced(ctx, "find documents", findDocuments(documents.URL)); err != nil {
			return err
		}
		if err := ask(ctx, "gpt-4o-mini"); err != nil {
			return err
		}
		if err := traced(ctx, "store the answer", storeAnswer); err != nil {
			root.AddEvent("answer kept in memory")
		}
		fmt.Printf("%s/runs/%s\n", cmp.Or(os.Getenv("SPANTAIL_URL"), service), root.SpanContext().TraceID())
		return nil
	})
	documents.Close()
	// Shutdown sends what is still waiting.
	if err := errors.Join(err, provider.Shutdown(ctx)); err != nil {
		log.Fatal(err)
	}
}
