"""What `spantail.configure()` changes in the process as a whole, how each change is switched off, and how it is undone.

| change | parameter | setting | `Handle.shutdown()` |
|---|---|---|---|
| a handler on the root logger | `log_capture` | `SPANTAIL_LOG_CAPTURE` | removes it |
| `basicConfig`, `dictConfig` and `fileConfig` are wrapped | `patch_logging` | `SPANTAIL_PATCH_LOGGING` | unwraps them |
| a handler of SIGTERM | `handle_sigterm` | `SPANTAIL_HANDLE_SIGTERM` | puts the default action back |
| `signal.signal` is wrapped | `patch_signal` | `SPANTAIL_PATCH_SIGNAL` | unwraps it |
| hooks for the end of the process | `exit_hooks` | `SPANTAIL_EXIT_HOOKS` | removes them |
| the global tracer provider | `set_global` | | leaves it, without our processors |
| the global meter provider | `set_global` | `OTEL_METRICS_EXPORTER` | leaves it, shut down |
| the resource of the tracer provider | `set_global` | | puts the values of before back |
| a filter on the loggers of OpenTelemetry's metric exporters | | `OTEL_METRICS_EXPORTER` | removes it |
| fork hooks (`os.register_at_fork`) | | | leaves them; they do nothing |

A parameter outranks its setting. Settings are on by default; `false`, `0`, `off` or `no` switches one off. Nothing
else is changed: `sys.excepthook` and `threading.excepthook`, for example, are not.

The reasons, and what each is exactly:

- The handler on the root logger makes log records into log lines of their span. `logging.basicConfig` does nothing
  when the root logger has a handler, and `dictConfig` and `fileConfig` of `logging.config` remove its handlers.
  Wrapped, all three run as if ours were not there.
- The default action of SIGTERM ends the process without a line of Python, and what is held would be lost. Our handler
  takes the place of the default action only.
- `signal.signal` is wrapped only where the application holds SIGTERM. Servers such as uvicorn do so while they load
  the application; at the end they restore the default action and raise the signal again. The wrapped function puts
  our handler in its place when it is restored.
- The hooks for the end are one of `atexit`; in children of `multiprocessing`, which leave by `os._exit`, a finaliser;
  where Celery is loaded, a receiver of its signal `worker_process_shutdown`.
- OpenTelemetry lets the global tracer provider be set only once. It is set where there is none; where there is one,
  our processors are added to it, and `service.name`, `spantail.live` and `spantail.runner` to its resource.
- The global meter provider can be set only once too. It is set where there is none and the environment asks for
  metrics; one that is there is never touched.
- A destination that takes spans alone would have an error logged at each export of metrics; the filter has it said
  once.
- A forked child needs locks, queues and a runner id of its own. Python cannot remove fork hooks.

Where somebody else wrapped a function after us, theirs stays, and a line in the log says so; what is left of ours
within it only passes calls on. A handler of SIGTERM that the application has set stays too. Python lets only the main
thread set signal handlers: after a `shutdown()` in another thread our handler stays, which a line in the log says, and
does what the default action does.
"""
