/** The plugin of esbuild for the style sheets of shadow trees. */

import { readFileSync } from "node:fs";

/** Make them texts in the scripts, without what these browsers do not need. */
export function shadowStyles(target) {
  return {
    name: "shadow styles",
    setup: ({ onLoad, esbuild }) =>
      onLoad({ filter: /\.shadow\.css$/ }, async ({ path }) => {
        const { code } = await esbuild.transform(readFileSync(path, "utf8"), { loader: "css", minify: true, target });
        return { contents: code.trim(), loader: "text" };
      }),
  };
}
