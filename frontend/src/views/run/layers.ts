/** The layer strip. Pure. */
import type { LayerInfo } from "../../service/wire";
import { LAYER_ICONS } from "../status";

export interface LayerItem {
  name: string;
  status: string;
  icon: string;
  progress: string;
  title: string;
}

export function layerItems(layers: readonly LayerInfo[]): LayerItem[] {
  return layers.map((layer) => {
    const { done, total } = layer;
    const progress = done == null ? "" : total == null ? String(done) : `${done}/${total}`;
    return {
      name: layer.name,
      status: layer.status,
      icon: `#i-${LAYER_ICONS[layer.status] ?? "pending"}`,
      progress,
      title: [layer.name, layer.status, progress].filter(Boolean).join(" · "),
    };
  });
}
