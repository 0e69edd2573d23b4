/** Imports that esbuild resolves: style sheets of pages become files, those of shadow trees and pages of docs text. */
declare module "*.shadow.css" {
  const text: string;
  export default text;
}
declare module "*.md" {
  const text: string;
  export default text;
}
declare module "*.css";
declare module "*.svg" {
  const address: string;
  export default address;
}
declare module "monaco-editor/esm/vs/base/browser/dompurify/dompurify.js" {
  const dompurify: { sanitize(html: string): string };
  export default dompurify;
}
