/* Starts Swagger UI on the page that garrison.fastapi.docs serves. */
(() => {
  "use strict";

  // Swagger UI sets innerHTML with HTML it has sanitised. Scripts and script addresses stay refused: this policy has
  // no way to make them.
  if (window.trustedTypes && window.trustedTypes.createPolicy) {
    window.trustedTypes.createPolicy("default", { createHTML: (html) => html });
  }

  const place = document.getElementById("swagger-ui");
  window.SwaggerUIBundle({
    url: place.dataset.schema,
    domNode: place,
    deepLinking: true,
    layout: "BaseLayout",
    presets: [window.SwaggerUIBundle.presets.apis, window.SwaggerUIBundle.SwaggerUIStandalonePreset].filter(Boolean),
    validatorUrl: null, // it would send the schema's address to another site
  });
})();
