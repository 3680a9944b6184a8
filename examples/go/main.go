// A Go application on the stock OpenTelemetry SDK, with nothing of Spantail's in it, shown by Spantail.
//
// Run `make run` (or `spantail demo`) in one terminal, and in another, from this folder:
//
//	go run .
//
// It prints the address of its trace. OTEL_EXPORTER_OTLP_ENDPOINT sends it elsewhere.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var tracer trace.Tracer

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

func findDocuments(_ context.Context, span trace.Span) error {
	time.Sleep(50 * time.Millisecond)
	span.SetAttributes(attribute.Int("documents.found", 3))
	return nil
}

func storeAnswer(context.Context, trace.Span) error {
	return errors.New("the database did not answer")
}

func main() {
	ctx := context.Background()
	endpoint := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")
	if endpoint == "" {
		endpoint = "http://127.0.0.1:8321"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"))
	if err != nil {
		log.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "go-example"))),
	)
	tracer = provider.Tracer("examples.go")

	err = traced(ctx, "answer a question", func(ctx context.Context, root trace.Span) error {
		if err := traced(ctx, "find documents", findDocuments); err != nil {
			return err
		}
		if err := ask(ctx, "gpt-4o-mini"); err != nil {
			return err
		}
		if err := traced(ctx, "store the answer", storeAnswer); err != nil {
			root.AddEvent("answer kept in memory")
		}
		fmt.Printf("%s/runs/%s\n", endpoint, root.SpanContext().TraceID())
		return nil
	})
	// Shutdown sends what is still waiting.
	if err := errors.Join(err, provider.Shutdown(ctx)); err != nil {
		log.Fatal(err)
	}
}
