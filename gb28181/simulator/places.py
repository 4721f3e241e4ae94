"""Where simulated cameras stand: the five cities of Ningxia, their counties and places in them.

Division codes of GB/T 2260; the centres are rough and only keep the points of a county together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class County:
    code: str
    """Six digits."""
    city: str
    name: str
    longitude: float
    latitude: float
    roads: tuple[str, ...]
    """Streets and roads that exist there."""

    @property
    def city_code(self) -> str:
        return self.code[:4]


COUNTIES: Final[tuple[County, ...]] = (
    County("640104", "银川市", "兴庆区", 106.289, 38.474,
           ("解放东街", "玉皇阁北街", "清和南街", "凤凰北街")),
    County("640105", "银川市", "西夏区", 106.150, 38.492,
           ("贺兰山西路", "怀远西路", "文昌北街", "同心路")),
    County("640106", "银川市", "金凤区", 106.243, 38.473,
           ("正源北街", "亲水大街", "宁安大街", "北京中路")),
    County("640121", "银川市", "永宁县", 106.253, 38.277, ("宁和北街", "永康北路", "杨和大街")),
    County("640122", "银川市", "贺兰县", 106.350, 38.554, ("桃林街", "银河东路", "富兴北街")),
    County("640181", "银川市", "灵武市", 106.340, 38.103, ("灵州大道", "西昌路", "中兴街")),
    County("640202", "石嘴山市", "大武口区", 106.368, 39.019, ("朝阳西街", "游艺东街", "长胜西路")),
    County("640205", "石嘴山市", "惠农区", 106.781, 39.239, ("惠农大街", "静宁北街", "红果子大道")),
    County("640221", "石嘴山市", "平罗县", 106.523, 38.913, ("鼓楼东街", "玉皇阁大道", "人民西路")),
    County("640302", "吴忠市", "利通区", 106.213, 37.985, ("裕民西街", "胜利东街", "利通北街")),
    County("640303", "吴忠市", "红寺堡区", 106.062, 37.425, ("燕然路", "罗山路", "团结街")),
    County("640323", "吴忠市", "盐池县", 107.407, 37.783, ("盐林北路", "鼓楼南街", "花马池东街")),
    County("640324", "吴忠市", "同心县", 105.895, 36.958, ("长征东街", "豫海北街", "同德巷")),
    County("640381", "吴忠市", "青铜峡市", 106.079, 38.021, ("古峡西街", "嘉宝路", "汉坝东街")),
    County("640402", "固原市", "原州区", 106.288, 36.004, ("文化东路", "中山南街", "政府街")),
    County("640422", "固原市", "西吉县", 105.729, 35.964, ("吉强西街", "永清路", "团结路")),
    County("640423", "固原市", "隆德县", 106.112, 35.626, ("人民街", "解放街", "南门路")),
    County("640424", "固原市", "泾源县", 106.331, 35.498, ("百泉街", "龙潭街", "泾华路")),
    County("640425", "固原市", "彭阳县", 106.638, 35.859, ("兴彭大街", "友谊街", "南门街")),
    County("640502", "中卫市", "沙坡头区", 105.173, 37.515, ("鼓楼西街", "应理南街", "文萃路")),
    County("640521", "中卫市", "中宁县", 105.685, 37.491, ("平安东街", "新南街", "殷庄路")),
    County("640522", "中卫市", "海原县", 105.643, 36.565, ("政府西街", "建设路", "文联路")),
)  # fmt: skip

SPOTS: Final = (
    "路口", "小学校门口", "公交站", "农贸市场", "人民医院", "中学东门", "广场", "派出所门前",
    "地下车库入口", "卡口", "河滨公园", "汽车站", "社区北门", "加油站", "商业街", "幼儿园",
)  # fmt: skip
VIEWS: Final = ("东向", "南向", "西向", "北向", "全景", "出口", "入口", "内侧")

CITY_NAMES: Final = {county.city_code: county.city for county in COUNTIES}


def counties_of(cities: tuple[str, ...]) -> tuple[County, ...]:
    """The counties of some cities, or all; ValueError names a city that is not known."""
    for city in cities:
        if city not in CITY_NAMES:
            raise ValueError(f"no city {city}: known are {', '.join(CITY_NAMES)}")
    return tuple(c for c in COUNTIES if not cities or c.city_code in cities)
