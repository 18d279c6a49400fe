import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.ListenableFuture;
import com.google.firebase.rules.lang.CompileResult;
import com.google.firebase.rules.lang.FirebaseRulesProtoCompiler;
import com.google.firebase.rules.lang.common.FirebaseRulesLangOptions;
import com.google.firebase.rules.runtime.common.AsyncRuntimeFunction;
import com.google.firebase.rules.runtime.common.EvaluationException;
import com.google.firebase.rules.runtime.evaluators.AuthRuleEvaluator;
import com.google.firebase.rules.runtime.impl.DefaultEvaluator;
import com.google.firebase.rules.runtime.utils.ExpressionValueUtils;
import com.google.firebase.rules.runtime.v1.ExecutionRequest;
import com.google.firebase.rules.runtime.v1.ExecutionResponse;
import com.google.firebase.rules.runtime.v1.ExpressionValue;
import com.google.firebase.rules.runtime.v1.RulesetAst;
import com.google.firebase.rules.v1.File;
import com.google.firebase.rules.v1.Source;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.ToNumberPolicy;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ExecutionException;

/**
 * Judges Storage rules by the rules engine inside Google's Firestore emulator, which knows the
 * service firebase.storage although the emulator does not serve it.
 *
 * One JSON object a line. {"rules": text} compiles and answers {"issues": text};
 * {"method", "path", "request", "resource", "documents"} answers {"allowed": true or false}, where
 * documents are what firestore.get finds, by their paths. The classes are no published interface:
 * another version of the jar may need another version of this file.
 */
final class StorageJudge {
  private static final Gson GSON =
      new GsonBuilder().setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE).create();

  private RulesetAst rules;

  public static void main(String[] arguments) throws Exception {
    var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var judge = new StorageJudge();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      Map<?, ?> asked = GSON.fromJson(line, Map.class);
      out.println(GSON.toJson(asked.containsKey("rules") ? judge.compile(asked) : judge.judge(asked)));
    }
  }

  private Map<String, Object> compile(Map<?, ?> asked) {
    var options =
        FirebaseRulesLangOptions.builder()
            .allowTernaryOperator(true)
            .allowLetBindings(true)
            .allowCrossServiceRules(true)
            .build();
    var file = File.newBuilder().setName("storage.rules").setContent((String) asked.get("rules"));
    CompileResult result =
        FirebaseRulesProtoCompiler.createStandalone(options)
            .compile(Source.newBuilder().addFiles(file));
    rules = result.getRulesetAst();
    return Map.of("issues", result.getIssues().isEmpty() ? "" : result.getIssues().toString());
  }

  private Map<String, Object> judge(Map<?, ?> asked) throws Exception {
    var documents = (Map<?, ?>) asked.get("documents");
    var context =
        AuthRuleEvaluator.RuleContext.builder()
            .service("firebase.storage")
            .method((String) asked.get("method"))
            .path((String) asked.get("path"))
            .supplyVariable("request", ExpressionValueUtils.createValue(asked.get("request")))
            .supplyVariable("resource", ExpressionValueUtils.createValue(asked.get("resource")))
            .supplyFunction(new FirestoreGet(documents))
            .build();
    try {
      return Map.of("allowed", new DefaultEvaluator(rules).evaluate(context).get().permit());
    } catch (ExecutionException error) {
      if (error.getCause() instanceof EvaluationException) {
        return Map.of("allowed", false); // an error in a rule refuses
      }
      throw error;
    }
  }

  private record FirestoreGet(Map<?, ?> documents) implements AsyncRuntimeFunction {
    @Override
    public String name() {
      return "firestore.get";
    }

    @Override
    public ListenableFuture<ExecutionResponse> execute(ExecutionRequest request) {
      try {
        var path = request.getArguments(0).getPathValue();
        var segments = ExpressionValueUtils.getPathSegments(request.getSourcePosition(), path);
        Object fields = documents.get(String.join("/", segments));
        Object document = fields == null ? null : Map.of("data", fields);
        ExpressionValue value = ExpressionValueUtils.createValue(document);
        return Futures.immediateFuture(ExpressionValueUtils.createResponse(value));
      } catch (Exception error) {
        return Futures.immediateFailedFuture(error);
      }
    }
  }
}
