// A Java application under OpenTelemetry's Java agent, with nothing of Spantail's in it, shown by Spantail.
//
// Run `make run` (or `spantail demo`) in one terminal, and in another, from this folder:
//
//     mvn dependency:copy-dependencies -DoutputDirectory=jars -Dmdep.stripVersion
//     javac -d classes -cp 'jars/*' Answer.java
//     export OTEL_SERVICE_NAME=java-example OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:8321
//     export OTEL_METRICS_EXPORTER=none
//     java -javaagent:jars/opentelemetry-javaagent.jar -cp 'classes:jars/*' Answer
//
// It prints the address of its trace. OTEL_EXPORTER_OTLP_PROTOCOL=grpc has the agent speak gRPC; SPANTAIL_URL is where
// the trace is looked at.

import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.logging.Logger;

public final class Answer {
    /** What a step does, in the span of that step. */
    private interface Work {
        void run(Span span) throws Exception;
    }

    private static final Logger LOGGER = Logger.getLogger("answers"); // the agent sends its lines too
    private static final Tracer TRACER = GlobalOpenTelemetry.getTracer("examples.java");

    /** Runs `work` in a span, which keeps the exception that `work` throws. */
    private static void traced(String name, SpanKind kind, Attributes attributes, Work work) throws Exception {
        Span span = TRACER.spanBuilder(name).setSpanKind(kind).setAllAttributes(attributes).startSpan();
        try (var current = span.makeCurrent()) {
            work.run(span);
        } catch (Exception error) {
            span.recordException(error);
            span.setStatus(StatusCode.ERROR, error.getMessage());
            throw error;
        } finally {
            span.end();
        }
    }

    private static void traced(String name, Work work) throws Exception {
        traced(name, SpanKind.INTERNAL, Attributes.empty(), work);
    }

    /** Asks a model (made up here, as are its tokens). The attributes are OpenTelemetry's names for such a call. */
    private static void ask(String model) throws Exception {
        Attributes attributes = Attributes.builder()
            .put("gen_ai.operation.name", "chat")
            .put("gen_ai.provider.name", "openai")
            .put("gen_ai.request.model", model)
            .build();
        traced("chat " + model, SpanKind.CLIENT, attributes, call -> {
            Thread.sleep(100);
            call.setAttribute("gen_ai.usage.input_tokens", 412);
            call.setAttribute("gen_ai.usage.output_tokens", 96);
        });
    }

    /** A service that knows documents. Both sides of a request to it are spans, made by the agent. */
    private static HttpServer library() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/documents", exchange -> {
            try (exchange) {
                Thread.sleep(50);
                byte[] found = "tea coffee water".getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(200, found.length);
                exchange.getResponseBody().write(found);
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
            }
        });
        server.start();
        return server;
    }

    private static void findDocuments(int port, Span span) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/documents")).build();
        String found = HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body();
        span.setAttribute("documents.found", found.split(" ").length);
        LOGGER.info("found " + found);
    }

    private static void storeAnswer(Span span) {
        throw new IllegalStateException("the database did not answer");
    }

    public static void main(String[] arguments) throws Exception {
        HttpServer library = library();
        traced("answer a question", root -> {
            traced("find documents", span -> findDocuments(library.getAddress().getPort(), span));
            ask("gpt-4o-mini");
            try {
                traced("store the answer", Answer::storeAnswer);
            } catch (IllegalStateException error) {
                root.addEvent("answer kept in memory");
            }
            String page = Optional.ofNullable(System.getenv("SPANTAIL_URL")).orElse("http://127.0.0.1:8321");
            System.out.println(page + "/runs/" + root.getSpanContext().getTraceId());
        });
        library.stop(0);
    }
}
